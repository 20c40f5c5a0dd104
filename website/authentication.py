"""Owns what is known of how a person proved who they are, as codes and grants keep it for the tokens they give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: What a code and a grant both keep, in the order in which statements return it.
AUTHENTICATION_COLUMNS = ("session", "nonce", "auth_time", "acr", "amr", "claims")


@dataclass(frozen=True, slots=True)
class Authentication:
    """How a person proved who they are, in a client's eyes: the part of an ID token that outlives the request."""

    session: str | None = None
    #: What the client sent along to find again in its ID token.
    nonce: str | None = None
    auth_time: int | None = None
    #: The class of the proof, and the methods used (OpenID Connect Core 1.0, section 2).
    acr: str | None = None
    amr: tuple[str, ...] = ()
    #: What the ``claims`` parameter asked for (OpenID Connect Core 1.0, section 5.5).
    claims: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_row(
        cls,
        session: str | None,
        nonce: str | None,
        auth_time: int | None,
        acr: str | None,
        amr: str | None,
        claims: str | None,
    ) -> Authentication:
        """Return what the columns of a code or grant say."""
        return cls(session, nonce, auth_time, acr, tuple(_read(amr) or ()), _read(claims) or {})

    def to_row(self) -> dict[str, Any]:
        """Return the columns as a prepared statement takes them."""
        return {
            "session": self.session,
            "nonce": self.nonce,
            "auth_time": self.auth_time,
            "acr": self.acr,
            "amr": json.dumps(self.amr) if self.amr else None,
            "claims": json.dumps(self.claims) if self.claims else None,
        }


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text)
