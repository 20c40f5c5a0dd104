"""How a dangerous act is confirmed in its form, a while after the login: by the password, or by a passkey."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort

from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_page, requested_page
from .passkey_place import let_page_use_passkeys
from .password_confirmation import needs_password


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the form of a dangerous act asks for before."""

    #: Whether it has a field for the password.
    takes_password: bool
    #: Whether the page has a button for a passkey. It renews the login, and leads back to the page.
    takes_passkey: bool
    page: str

    @property
    def login_page(self) -> str:
        """Where to log in again, for somebody who can confirm the act in neither way."""
        return login_page(self.page, again=True)


def find_confirmation() -> Confirmation | None:
    """Return what this page asks for before the act; ``None`` after a recent login. Lets its script use passkeys."""
    if not needs_password():
        return None
    accounts, user_id = authorization_server().accounts, current_login().user_id
    own_row = accounts.own_users.find_row_by_id(user_id) or abort(403)
    has_passkey = accounts.second_factors.find(user_id).passkeys > 0
    return Confirmation(own_row.password_hash is not None, has_passkey and let_page_use_passkeys(), requested_page())
