"""Pages that only somebody who has just logged in may use, as they change how one logs in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import redirect
from werkzeug.wrappers import Response

from ... import clock
from ...sessions.assurance import TWO_FACTORS, meets
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_page, login_required, requested_page, step_up_page

#: For so long after logging in, factors can be changed without logging in again.
RECENT_SECONDS = 600
P = ParamSpec("P")
R = TypeVar("R")


def is_recent() -> bool:
    """Tell whether the person logged in just now."""
    return clock.now() - current_login().auth_time < RECENT_SECONDS


def recent_login_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Have people log in, again if it was a while ago, before they see this page or use its form.

    Who has a second factor has to have shown it: what the password alone could change would be worth no more than it.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        page = requested_page()
        if not is_recent():
            return redirect(login_page(page, again=True), 303)
        if lacks_factor():
            return redirect(step_up_page(page, TWO_FACTORS), 303)
        return view(*args, **kwargs)

    return login_required(guarded)


def lacks_factor() -> bool:
    """Tell whether the person has a second factor, but didn't show it when logging in."""
    login = current_login()
    if meets(login.acr, TWO_FACTORS):
        return False
    return authorization_server().accounts.second_factors.find(login.user_id).has_any
