"""Logging in: the form of the first page, posted."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask_babel import gettext as _

from ...database import StaleLoginError
from ...email_addresses import MAX_EMAIL_CHARACTERS
from ...oauth2.server import AuthorizationServer
from ...sessions.assurance import NOTHING, PASSWORD
from ...translatable import N_
from ...users import Account
from ...users.login_throttle import TooManyTriesError
from ...users.password_queue import BUSY_SECONDS, TooManyLoginsError
from ...users.usernames import UsernameError, check_username
from ..current.authorization_server import authorization_server
from ..presentation.durations import write_wait
from .known_browser import known_browser
from .login_page import render_login_page
from .pending_login import complete_login

WRONG_CREDENTIALS = N_("Wrong username or password.")
BUSY = N_("Many people are logging in right now. Wait a moment and try again.")

bp = Blueprint("login", __name__)


@bp.post("/")
def log_user_in() -> Any:
    """Log a user in, or ask for their second factor, and go on to where they came for."""
    server = authorization_server()
    username = request.form.get("username", "")
    last_field = "username" if server.settings.demo else "password"
    try:
        account = _authenticate(server, username, request.form.get("password", ""))
    except UsernameError as error:
        return render_login_page(username, {"username": error.args[0]}), 422
    except TooManyLoginsError:
        return render_login_page(username, {last_field: BUSY}), 503, {"Retry-After": BUSY_SECONDS}
    except TooManyTriesError as error:
        problem = _("Too many failed logins. Wait %(time)s and try again.", time=write_wait(error.wait_seconds))
        return render_login_page(username, {last_field: problem}), 429, {"Retry-After": str(error.wait_seconds)}
    if account is None:
        return render_login_page(username, {last_field: WRONG_CREDENTIALS}), 422
    try:
        return complete_login(account, NOTHING if server.settings.demo else PASSWORD)
    except StaleLoginError:
        return render_login_page(username, {last_field: WRONG_CREDENTIALS}), 422


def _authenticate(server: AuthorizationServer, username: str, password: str) -> Account | None:
    """Return the account that is logging in; the demo accepts any name.

    Raises ``UsernameError``, ``TooManyLoginsError``, ``TooManyTriesError``.
    """
    if server.settings.demo:
        return server.accounts.own_users.find_or_create(username)
    typed = check_username(username, MAX_EMAIL_CHARACTERS)  # it may be an email address
    return server.accounts.password_login.authenticate(typed, password, known_browser=known_browser)
