"""The columns of our own users behind OpenID Connect's claims, and reading claims from a row with some of them.

Which columns and claims these are is the same for every user, so it is worked out once for each scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Column

from ..database.tables import table_of
from ..models.user import User
from ..standard_claims import ADDRESS_PARTS, CLAIMS, CLAIMS_OF_SCOPE, STANDARD_CLAIMS, VERIFIED

_user = table_of(User).c
USERNAME = "preferred_username"
#: The claims that aren't simply a column of the same name, with the columns behind each.
_BEHIND = {
    USERNAME: (USERNAME, "preferred_username_assigned"),
    "updated_at": ("updated_at", "created_at"),
    "address": ADDRESS_PARTS,
    **{flag: (flag, name) for name, flag in VERIFIED.items()},
}
_TEXTS = tuple(name for name in CLAIMS if name in STANDARD_CLAIMS and name not in _BEHIND)


class ClaimColumns:
    """The columns behind some claims, for a statement."""

    def __init__(self, claims: frozenset[str]) -> None:
        behind = (column for name in sorted(claims) for column in _BEHIND.get(name, (name,)))
        names = dict.fromkeys(("username", *behind))
        self.claims = claims
        self.columns: tuple[Column[Any], ...] = tuple(_user[name] for name in names)
        self.places = {name: place for place, name in enumerate(names)}


class ClaimReader:
    """Reads some claims from the values of columns."""

    def __init__(self, columns: ClaimColumns, wanted: frozenset[str]) -> None:
        self.places = places = columns.places
        self._wanted = wanted
        self._texts = [(name, places[name]) for name in _TEXTS if name in wanted]
        self._flags = [(flag, places[flag], places[name]) for name, flag in VERIFIED.items() if flag in wanted]

    def read(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return the claims with a value, by name."""
        places, wanted = self.places, self._wanted
        claims = {name: values[place] for name, place in self._texts if values[place]}
        for flag, place, of_claim in self._flags:
            if values[of_claim]:
                claims[flag] = bool(values[place])
        if USERNAME in wanted:
            is_assigned = values[places["preferred_username_assigned"]]
            name = values[places[USERNAME] if is_assigned else places["username"]]
            if name:
                claims[USERNAME] = name
        if "updated_at" in wanted:
            claims["updated_at"] = values[places["updated_at"]] or values[places["created_at"]]
        if "address" in wanted:
            address = {part: values[places[part]] for part in ADDRESS_PARTS if values[places[part]]}
            if address:
                claims["address"] = address
        return claims


@lru_cache(maxsize=256)
def columns_for(scope_values: tuple[str, ...]) -> ClaimColumns:
    """Return the columns behind all claims of a scope."""
    return columns_of(frozenset(name for value in scope_values for name in CLAIMS_OF_SCOPE.get(value, ())))


@lru_cache(maxsize=256)
def columns_of(claims: frozenset[str]) -> ClaimColumns:
    """Return the columns behind these claims; others than standard ones have none."""
    return ClaimColumns(claims & STANDARD_CLAIMS)


@lru_cache(maxsize=256)
def reader_of(columns: ClaimColumns, wanted: frozenset[str]) -> ClaimReader | None:
    """Return the reader of the wanted claims; ``None`` if not all of their columns are among these."""
    standard = wanted & STANDARD_CLAIMS
    return ClaimReader(columns, standard) if standard <= columns.claims else None
