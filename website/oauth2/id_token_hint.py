"""ID tokens that come back as hints: whether one is ours, for which client it was, and about whom."""

from __future__ import annotations

from dataclasses import dataclass

from .. import clock
from ..clients import Client
from ..keys.jws import BY_SECRET, JWT, read_unverified
from ..keys.jwt_times import SKEW_SECONDS
from .client_jwts import ClientJWTs
from .server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class Hint:
    """What an ID token says that was shown: the subject and login as its client knows them."""

    client: Client
    subject: str
    session: str | None
    #: Whether it was issued so short a time ago that its login can still last.
    is_recent: bool


def read_hint(server: AuthorizationServer, text: str) -> Hint | None:
    """Return what an ID token of ours says, expired or not; ``None`` for any other text.

    It counts only if it is signed by the algorithm that its client registered, and has no ``typ``: every other JWT of
    ours has one. By a key that has left the key set only where its login can still last.
    """
    unverified = read_unverified(text)
    audience = unverified.claims.get("aud") if unverified else None
    client = server.clients.find(audience) if isinstance(audience, str) else None
    if unverified is None or client is None or "typ" in unverified.header:
        return None
    algorithm = ClientJWTs(server, server.settings, "id_token").algorithm_for(client)
    if unverified.header.get("alg") != algorithm:
        return None
    is_recent = _is_recent(unverified, server.settings.session_seconds)
    token: JWT | None
    if algorithm in BY_SECRET:
        # The client could have written this one itself, so no more is believed of it than of one that we just gave.
        token = server.clients.keys.verify(client, text, [algorithm]) if is_recent else None
    else:
        token = server.keys.verify(text) or (server.keys.verify_by_former(text) if is_recent else None)
    claims = {} if token is None else token.claims
    subject, session = claims.get("sub"), claims.get("sid")
    # Answers of the UserInfo endpoint had no type once; but they never had an exp.
    if not isinstance(subject, str) or "exp" not in claims or not server.is_own_issuer(str(claims.get("iss"))):
        return None
    return Hint(client, subject, session if isinstance(session, str) else None, is_recent)


def _is_recent(token: JWT, session_seconds: int) -> bool:
    issued_at = token.claims.get("iat")
    if type(issued_at) is not int:
        return False
    return -SKEW_SECONDS <= clock.now() - issued_at <= session_seconds
