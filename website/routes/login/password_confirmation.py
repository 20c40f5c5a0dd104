"""Asking for the current password again: before something that cannot be undone, or a while after the login."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import abort, request
from flask_babel import gettext as _

from ...models.user import User
from ...translatable import N_
from ...users import Account
from ...users.login_throttle import TooManyTriesError
from ...users.password_queue import BUSY_SECONDS, TooManyLoginsError
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login
from ..presentation.durations import write_wait
from .known_browser import known_browser
from .recent_login import is_recent

#: The field of the form for a dangerous act.
PASSWORD = "password"  # noqa: S105 - the name of a field


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not done: problems by field, and the status and headers that go with them."""

    problems: dict[str, str]
    status: int = 422
    headers: dict[str, str] = field(default_factory=dict)


def check_own_password(user: User, name: str) -> Account | Refusal:
    """Check the password in a field of the form; return the account as it was checked, or why not.

    Wrong ones count as failed logins do: an unattended login can't be used to guess the password.
    """
    server = authorization_server()
    if not request.form.get(name):
        return Refusal({name: N_("Enter your password.")})
    try:
        account = server.accounts.password_login.authenticate(
            user.username, request.form[name], known_browser=known_browser
        )
    except TooManyTriesError as error:
        problem = _("Too many wrong passwords. Wait %(time)s and try again.", time=write_wait(error.wait_seconds))
        return Refusal({name: problem}, 429, {"Retry-After": str(error.wait_seconds)})
    except TooManyLoginsError:
        return too_many_logins(name)
    return account or Refusal({name: N_("Wrong password.")})


def too_many_logins(name: str) -> Refusal:
    """Return the refusal where too many passwords are looked at already."""
    problem = N_("Many people are logging in right now. Wait a moment and try again.")
    return Refusal({name: problem}, 503, {"Retry-After": BUSY_SECONDS})


def needs_password() -> bool:
    """Tell whether the login is too old for a dangerous act. The demo has no passwords."""
    return not authorization_server().settings.demo and not is_recent()


def find_refusal() -> Refusal | None:
    """Check the password in the form of a dangerous act, if one is needed; return why not to go on.

    Without a password, the page asks for the passkey.
    """
    if not needs_password():
        return None
    own_row = authorization_server().accounts.own_users.find_row_by_id(current_login().user_id) or abort(403)
    if own_row.password_hash is None:
        return Refusal({})
    checked = check_own_password(own_row, PASSWORD)
    return checked if isinstance(checked, Refusal) else None
