"""Individually requested claims, in addition to those of the scope, as stored with codes and grants."""

from __future__ import annotations

import json
from typing import NamedTuple

from ..standard_claims import claims_of_scope


class RequestedClaims(NamedTuple):
    """Names of claims about the user, by where the client wants to get them (Core 1.0, section 5.5)."""

    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()

    @classmethod
    def from_column(cls, text: str | None) -> RequestedClaims:
        """Create it from a column. Rows copied from another database may contain JSON null."""
        document = json.loads(text) if text else None
        return cls(tuple(document["userinfo"]), tuple(document["id_token"])) if document else NO_CLAIMS

    def to_column(self) -> str | None:
        """Return the column for a prepared statement."""
        if not (self.userinfo or self.id_token):
            return None
        return json.dumps({"userinfo": self.userinfo, "id_token": self.id_token})

    def not_covered_by(self, scope: str) -> tuple[str, ...]:
        """Return the names that aren't included in a scope."""
        names_of_scope = claims_of_scope(scope)
        return tuple(name for name in dict.fromkeys(self.userinfo + self.id_token) if name not in names_of_scope)


NO_CLAIMS = RequestedClaims()
