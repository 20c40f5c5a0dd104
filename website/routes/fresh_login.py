"""Dangerous acts, which ask for the password again if the login is a while ago."""

from __future__ import annotations

from .. import clock
from .authorization_server import authorization_server
from .login_session import current_login
from .password_confirmation import Refusal, check_own_password

#: How long after a login nobody is asked again.
FRESH_SECONDS = 600
PASSWORD = "password"  # noqa: S105 - the name of a field


def needs_password() -> bool:
    """Tell whether the login is too old for a dangerous act. The demo has no passwords."""
    return not authorization_server().settings.demo and current_login().auth_time < clock.now() - FRESH_SECONDS


def find_refusal() -> Refusal | None:
    """Check the password in the form, if one is needed; return why not to go on."""
    if not needs_password():
        return None
    own_row = authorization_server().accounts.own_users.find_row_by_id(current_login().user_id)
    checked = check_own_password(own_row, PASSWORD)
    return checked if isinstance(checked, Refusal) else None
