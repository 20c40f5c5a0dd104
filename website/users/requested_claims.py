"""Owns the claims that a client asked for one by one, beside those of its scope, as codes and grants keep them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..claims import claims_of_scope


@dataclass(frozen=True, slots=True)
class RequestedClaims:
    """Names of claims about the user, by the place where the client wants to hear them (Core 1.0, section 5.5)."""

    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()

    @classmethod
    def from_column(cls, text: str | None) -> RequestedClaims:
        """Return what a column says. What was copied from another database may say nothing as JSON's null."""
        held = json.loads(text) if text else None
        return cls(tuple(held["userinfo"]), tuple(held["id_token"])) if held else NO_CLAIMS

    def to_column(self) -> str | None:
        """Return the claims as a prepared statement takes them."""
        if not (self.userinfo or self.id_token):
            return None
        return json.dumps({"userinfo": self.userinfo, "id_token": self.id_token})

    def not_covered_by(self, scope: str) -> tuple[str, ...]:
        """Return the names that a scope does not give anyway."""
        given = claims_of_scope(scope)
        return tuple(name for name in dict.fromkeys(self.userinfo + self.id_token) if name not in given)


NO_CLAIMS = RequestedClaims()
