"""The JWT profile for access tokens (:rfc:`9068`), for clients that choose it: an API can verify one by itself.

https://www.rfc-editor.org/rfc/rfc9068

Such a token still ends with its grant where it is shown to us: it carries the grant's id and both epochs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError

from ..clients import Clients
from ..keys import ALGORITHMS, SIGNING, Keys
from ..settings import Settings
from ..tokens import MAX_TOKEN_CHARACTERS, AccessToken
from .errors import ClientAuthenticationError

if TYPE_CHECKING:
    from .server import AuthorizationServer

TYPE = "at+jwt"
#: Claims of our own: the grant's id, and the epochs of client and subject.
GRANT, EPOCHS = "grant_id", "epochs"


class JWTFormat:
    """Access tokens as signed JWTs."""

    def __init__(self, keys: Keys, clients: Clients) -> None:
        self._keys = keys
        self._clients = clients

    def write(self, token: AccessToken, issuer: str) -> str:
        client = self._clients.find_by_id(token.client)
        if client is None:
            raise ClientAuthenticationError  # deleted since it was authenticated, a moment ago
        key = self._keys.ring.signing
        header = {"alg": ALGORITHMS[SIGNING], "typ": TYPE, "kid": key.kid}
        claims: dict[str, Any] = {
            "iss": issuer,
            # Without a user the subject is the client (RFC 9068, section 2.2); subjects of users are never client ids.
            "sub": token.subject or client.client_id,
            "aud": list(token.audience),
            "client_id": client.client_id,
            "iat": token.issued_at,
            "exp": token.expires_at,
            "jti": token.jti,
            "scope": token.scope,
            EPOCHS: [token.client_epoch, token.subject_epoch],
        }
        if token.grant is not None:
            claims[GRANT] = token.grant
        return jwt.encode(header, claims, key, algorithms=[ALGORITHMS[SIGNING]])

    def read(self, text: str, issuer: str) -> AccessToken | None:
        """Verify by our own keys, our one algorithm and ``typ``; nothing in the header chooses otherwise."""
        if not text.startswith("eyJ") or len(text) > MAX_TOKEN_CHARACTERS or text.count(".") != 2:
            return None
        try:
            token = jwt.decode(text, self._keys.ring.verifying, algorithms=[ALGORITHMS[SIGNING]])
        except (JoseError, ValueError, RecursionError):
            return None
        claims = token.claims
        if str(token.header.get("typ", "")).lower() not in (TYPE, "application/" + TYPE) or claims["iss"] != issuer:
            return None
        client = self._clients.find(claims["client_id"])
        if client is None:
            return None
        client_epoch, subject_epoch = claims[EPOCHS]
        return AccessToken(
            jti=claims["jti"],
            client=client.id,
            grant=claims.get(GRANT),
            subject=claims["sub"] if GRANT in claims else None,
            scope=claims["scope"],
            audience=tuple(claims["aud"]),
            issued_at=claims["iat"],
            expires_at=claims["exp"],
            client_epoch=client_epoch,
            subject_epoch=subject_epoch,
        )


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.tokens.formats["jwt"] = JWTFormat(server.keys, server.clients)
