"""The roles of the person who is logged in: read once per request, and only for pages that need them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, g
from werkzeug.wrappers import Response

from ...access.roles import AUDITOR, DEVELOPER, HELPDESK, OPERATOR
from .authorization_server import authorization_server
from .host_application import current_host
from .login_session import find_account, login_required

#: The roles that see people, groups and events, and change people and groups.
SEES_PEOPLE = frozenset((OPERATOR, AUDITOR, HELPDESK))
SEES_GROUPS = SEES_EVENTS = frozenset((OPERATOR, AUDITOR))
MANAGES_PEOPLE = frozenset((OPERATOR,))
P = ParamSpec("P")
R = TypeVar("R")


def current_roles() -> frozenset[str]:
    """Return the roles of the person who is logged in, by themselves or by their groups.

    In the demo everybody is an operator: it's their own computer. Users of an embedding application have no roles here.
    """
    account = find_account()
    if account is None or current_host() is not None:
        return frozenset()
    server = authorization_server()
    if server.settings.demo:
        return frozenset((OPERATOR,))
    if "grantwright_roles" not in g:
        g.grantwright_roles = server.access.roles.of(int(account.id), is_operator=account.is_operator)
    roles: frozenset[str] = g.grantwright_roles
    return roles


def has_role(*roles: str) -> bool:
    """Tell whether the person who is logged in has one of these roles."""
    account = find_account()
    if OPERATOR in roles and account is not None and account.is_operator:
        return True  # their account says so, without another look at the database
    return not current_roles().isdisjoint(roles)


def is_developer() -> bool:
    return current_host() is None and has_role(DEVELOPER)


def role_required(roles: frozenset[str]) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Have a view answer only people with one of these roles; to others, its page doesn't exist."""

    def guard(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            if not has_role(*roles):
                abort(404)
            return view(*args, **kwargs)

        return login_required(guarded)

    return guard
