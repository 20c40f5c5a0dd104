"""Pages that only somebody who has just logged in may use, as they change how one logs in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import redirect, request
from werkzeug.wrappers import Response

from .. import clock
from .login_session import current_login, login_page, login_required, page_at

#: For so long after logging in, factors can be changed without logging in again.
RECENT_SECONDS = 600
P = ParamSpec("P")
R = TypeVar("R")


def is_recent() -> bool:
    """Tell whether the person logged in just now."""
    return clock.now() - current_login().auth_time < RECENT_SECONDS


def recent_login_required(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Have people log in, again if it was a while ago, before they see this page or use its form."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        if is_recent():
            return view(*args, **kwargs)
        came_for = request.full_path if request.query_string else request.path
        page = came_for if request.method == "GET" else page_at(request.path)
        return redirect(login_page(request.script_root + page, again=True), 303)

    return login_required(guarded)
