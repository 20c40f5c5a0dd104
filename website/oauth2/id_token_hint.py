"""Owns how an ID token is read that comes back as a hint: whether it is ours, for whom it was, and about whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..client import Client
from ..signing import BY_SECRET, JWT, read_unverified

if TYPE_CHECKING:
    from .server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class Hint:
    """What an ID token says that was shown: the subject and login as its client knows them."""

    client: Client
    subject: str
    session: str | None


def read_hint(server: AuthorizationServer, text: str) -> Hint | None:
    """Return what an ID token of ours says, expired or not; ``None`` for any other text."""
    unverified = read_unverified(text)
    audience = unverified.claims.get("aud") if unverified else None
    client = server.clients.find(audience) if isinstance(audience, str) else None
    if unverified is None or client is None:
        return None
    token: JWT | None
    if unverified.header.get("alg") in BY_SECRET:
        token = server.client_keys.verify(client, text, BY_SECRET)
    else:
        token = server.keys.verify(text)
    claims = {} if token is None or "typ" in token.header else token.claims
    subject, session = claims.get("sub"), claims.get("sid")
    if not isinstance(subject, str) or not server.is_own_issuer(str(claims.get("iss"))):
        return None
    return Hint(client, subject, session if isinstance(session, str) else None)
