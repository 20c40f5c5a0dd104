"""The authentication context of a login and a client's request, stored with codes and grants for their tokens."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, cast

from ..users.requested_claims import NO_CLAIMS, RequestedClaims

#: The columns shared by codes and grants, in the order in which statements return them.
AUTHENTICATION_COLUMNS = ("session", "nonce", "auth_time", "acr", "amr", "claims")


class AuthenticationContext(NamedTuple):
    """How a person authenticated, and the client's wishes: the part of an ID token that outlives the request."""

    session: str | None = None
    #: From the client's request, to be repeated in its ID token.
    nonce: str | None = None
    auth_time: int | None = None
    #: Authentication context class and methods (OpenID Connect Core 1.0, section 2).
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
        """Create it from the columns of a code or grant."""
        return cls(session, nonce, auth_time, acr, read_amr(amr), RequestedClaims.from_column(claims))

    def without_nonce(self) -> AuthenticationContext:
        """Return the same context without the nonce."""
        return self if self.nonce is None else self._replace(nonce=None)

    def to_row(self) -> dict[str, Any]:
        """Return the columns for a prepared statement."""
        return {
            "session": self.session,
            "nonce": self.nonce,
            "auth_time": self.auth_time,
            "acr": self.acr,
            "amr": write_amr(self.amr),
            "claims": self.claims.to_column(),
        }


def authentication_columns(columns: Any) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of codes or grants from which :meth:`AuthenticationContext.from_row` is created."""
    # JSON columns as text on every database.
    amr, claims = cast(columns.amr, Text), cast(columns.claims, Text)
    return columns.session, columns.nonce, columns.auth_time, columns.acr, amr, claims


@lru_cache(maxsize=64)
def write_amr(methods: tuple[str, ...]) -> str | None:
    """Return authentication methods as stored in their column."""
    return json.dumps(methods) if methods else None


@lru_cache(maxsize=64)
def read_amr(text: str | None) -> tuple[str, ...]:
    """Return the authentication methods in a column. Rows copied from another database may contain JSON null."""
    return tuple(json.loads(text or "null") or ())
