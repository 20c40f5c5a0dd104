"""ID tokens as hints: whether one is ours, its client and its subject."""

from __future__ import annotations

from dataclasses import dataclass

from .. import clock
from ..clients import Client
from ..clock import SKEW_SECONDS
from ..keys.jws import BY_SECRET, JWT, read_unverified
from .client_jwts import ClientJWTs
from .server import AuthorizationServer


@dataclass(frozen=True, slots=True)
class Hint:
    """The contents of an ID token hint: subject and login session as known to its client."""

    client: Client
    subject: str
    session: str | None
    #: Whether it is recent enough for its login session to still be active.
    is_recent: bool


def read_hint(server: AuthorizationServer, text: str) -> Hint | None:
    """Return the contents of one of our ID tokens, expired or not, or ``None`` for any other text.

    It must be signed with its client's registered algorithm and have no ``typ``, unlike all our other JWTs. A key that
    was removed from the key set is only accepted if the login session can still be active.
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
        # The client could have forged this one, so it gets no more trust than a token that we have just issued.
        token = server.clients.keys.verify(client, text, [algorithm]) if is_recent else None
    else:
        token = server.keys.verify(text) or (server.keys.verify_by_former(text) if is_recent else None)
    claims = {} if token is None else token.claims
    subject, session = claims.get("sub"), claims.get("sid")
    # UserInfo responses of earlier releases had no typ, but never an exp.
    if not isinstance(subject, str) or "exp" not in claims or not server.is_own_issuer(str(claims.get("iss"))):
        return None
    return Hint(client, subject, session if isinstance(session, str) else None, is_recent)


def _is_recent(token: JWT, session_seconds: int) -> bool:
    issued_at = token.claims.get("iat")
    if type(issued_at) is not int:
        return False
    return -SKEW_SECONDS <= clock.now() - issued_at <= session_seconds
