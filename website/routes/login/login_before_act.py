"""A new login before a dangerous act: on its page, or where it has none, and so no field for the password."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import flash, redirect, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ... import clock
from ..current.host_application import current_host
from ..current.login_session import find_account, login_page, login_required, requested_page
from .password_confirmation import needs_password

#: For so long a form can be sent that was opened while the login was recent. A new login forgets it.
FORM_SECONDS = 3600
FORM_OPENED_AT = "form_opened_at"
P = ParamSpec("P")
R = TypeVar("R")


def login_before_act(page: str) -> str:
    """Return the address to log in at first, which leads back to ``page``; empty after a recent login.

    Logins of an embedding application are its own: here nobody could make one younger.
    """
    return login_page(page, again=True) if current_host() is None and needs_password() else ""


def send_to_login(page: str) -> Response | None:
    """Have somebody log in first and come back to ``page``, where they began; ``None`` after a recent login."""
    address = login_before_act(page)
    if not address:
        return None
    flash(_("Nothing was changed: you logged in more than 10 minutes ago. Log in again and retry."))
    return redirect(address, 303)


def recent_login_for_act(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Have people log in again, if it was a while ago, before they see the page of an act, and before it is done."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        return _ask_for_login() or view(*args, **kwargs)

    return login_required(guarded)


def recent_login_of_operators(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Have operators log in again, if it was a while ago, before they see a form; others change what is their own.

    Filling it in may take longer than a login is recent, and what was typed isn't lost: a form that was opened in time
    can be sent.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        account = find_account()
        if account is not None and account.is_operator and not _was_opened_in_time():
            if answer := _ask_for_login():
                return answer
            if request.method == "GET":
                session[FORM_OPENED_AT] = clock.now()
        return view(*args, **kwargs)

    return login_required(guarded)


def _ask_for_login() -> Response | None:
    """Have somebody log in first where they logged in a while ago, and say what was not done."""
    page = requested_page()
    if request.method == "POST":
        return send_to_login(page)
    address = login_before_act(page)
    return redirect(address, 303) if address else None


def _was_opened_in_time() -> bool:
    """Tell whether a form that is sent was opened while the login was recent. The browser can't change the time."""
    opened_at = session.get(FORM_OPENED_AT)
    return request.method == "POST" and isinstance(opened_at, int) and clock.now() - opened_at < FORM_SECONDS
