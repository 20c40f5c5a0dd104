"""The row of a new account, and the columns of claims, checked and as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import clock
from ..email_addresses import email_key
from ..models.user import User
from ..standard_claims import ClaimsError, check_claims
from ..translatable import N_
from .lookalikes import looks_like_another
from .usernames import MAX_KEY_CHARACTERS, UsernameError, check_username, username_key


def new_user(username: str, password_hash: str | None) -> User:
    """Return the row of a new user. Raises :class:`UsernameError` for a malformed name."""
    name = check_username(username)
    if looks_like_another(name):
        raise UsernameError(N_("The username mixes scripts, or looks like another name."))
    return User(username=name, username_key=username_key(name), password_hash=password_hash, created_at=clock.now())


def claims_as_stored(values: Mapping[str, str], verified: Mapping[str, bool]) -> dict[str, Any]:
    """Return the columns for claims set by an operator. Raises :class:`ClaimsError`."""
    columns: dict[str, Any] = {**check_claims(values), **verified}
    if "email" in columns:
        columns["email_key"] = email_key(columns["email"]) if columns["email"] else None
    if "preferred_username" in columns:
        name = columns["preferred_username"]
        if name is not None and len(username_key(name)) > MAX_KEY_CHARACTERS:
            raise ClaimsError({"preferred_username": N_("That username is too long when normalized.")})
        columns["preferred_username_assigned"] = name is not None
    return columns
