"""Owns what codes and grants keep of a login for the tokens they give: how it was proved, what a client asked of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..users.requested_claims import NO_CLAIMS, RequestedClaims

#: What a code and a grant both keep, in the order in which statements return it.
AUTHENTICATION_COLUMNS = ("session", "nonce", "auth_time", "acr", "amr", "claims")


@dataclass(frozen=True, slots=True)
class AuthenticationContext:
    """How a person proved who they are, in a client's eyes: the part of an ID token that outlives the request."""

    session: str | None = None
    #: What the client sent along to find again in its ID token.
    nonce: str | None = None
    auth_time: int | None = None
    #: The class of the proof, and the methods used (OpenID Connect Core 1.0, section 2).
    acr: str | None = None
    amr: tuple[str, ...] = ()
    claims: RequestedClaims = NO_CLAIMS

    @classmethod
    def from_row(
        cls,
        session: str | None,
        nonce: str | None,
        auth_time: int | None,
        acr: str | None,
        amr: str | None,
        claims: str | None,
    ) -> AuthenticationContext:
        """Return what the columns of a code or grant say."""
        return cls(session, nonce, auth_time, acr, read_amr(amr), RequestedClaims.from_column(claims))

    def to_row(self) -> dict[str, Any]:
        """Return the columns as a prepared statement takes them."""
        return {
            "session": self.session,
            "nonce": self.nonce,
            "auth_time": self.auth_time,
            "acr": self.acr,
            "amr": write_amr(self.amr),
            "claims": self.claims.to_column(),
        }


def write_amr(methods: tuple[str, ...]) -> str | None:
    """Return the methods of a proof as their column takes them."""
    return json.dumps(methods) if methods else None


def read_amr(text: str | None) -> tuple[str, ...]:
    """Return the methods that a column has. What was copied from another database may say nothing as JSON's null."""
    return tuple(json.loads(text or "null") or ())
