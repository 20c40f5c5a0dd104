"""Owns asking whoever is logged in for their password once more, before something that cannot be undone."""

from __future__ import annotations

from flask import current_app, request

from ..login_throttle import TooManyTriesError
from ..models.user import User
from ..passwords import TooManyLoginsError
from .durations import write_duration
from .known_browser import known_browser


def check_own_password(user: User, field: str) -> tuple[dict[str, str], int, dict[str, str]]:
    """Check the password in a field of the form; return problems by field, and status and headers to go with them.

    Wrong ones count as failed logins do: a login left open is no way to guess.
    """
    server = current_app.extensions["grantwright"]
    try:
        account = server.password_login.authenticate(
            user.username, request.form.get(field, ""), known_browser=known_browser(user.username)
        )
    except TooManyTriesError as error:
        wait = write_duration(error.wait_seconds)
        return {field: f"Too many wrong passwords. Wait {wait} and try again."}, 429, _retry(error.wait_seconds)
    except TooManyLoginsError:
        return {field: "Many people are logging in at this moment. Wait a moment and try again."}, 503, _retry(2)
    return ({} if account else {field: "That is not your password."}), 422, {}


def _retry(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}
