"""Owns what is told about a user: of the claims that the users table gives, those that were asked for and are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .claims import CLAIMS_OF_SCOPE
from .users import Users, UsersWithClaims


class UserClaims:
    """The claims about the users of one server."""

    def __init__(self, users: Users) -> None:
        # An application that embeds the provider need not tell anything about its users.
        self._users = users if isinstance(users, UsersWithClaims) else None

    def supported(self, scope_values: Iterable[str]) -> list[str]:
        """Return the names of the claims that scope values can give here."""
        known = set(scope_values) if self._users else set()
        return [name for scope, names in CLAIMS_OF_SCOPE.items() if scope in known for name in names]

    def of(self, user_id: str, names: Iterable[str]) -> dict[str, Any]:
        """Return a user's claims of these names. One without a value is left out (Core, section 5.3.2)."""
        if self._users is None:
            return {}
        told = self._users.claims(user_id)
        return {name: told[name] for name in names if told.get(name) not in (None, "", {})}
