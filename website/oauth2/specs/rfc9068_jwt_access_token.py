"""The JWT profile for access tokens (:rfc:`9068`), an option per client: APIs can verify such tokens themselves.

https://www.rfc-editor.org/rfc/rfc9068

They are signed with the first algorithm in OAUTH2_SIGNING_ALGORITHMS; client metadata can't change that. At this
server, such a token still ends with its grant, as it contains the grant's id and both epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...clients import Clients
from ...grants import AccessToken
from ...keys import Keys
from ...keys.jws import MAX_JWT_CHARACTERS
from ...settings import Settings
from ..errors import ClientAuthenticationError
from ..server import AuthorizationServer
from ..token_claims import TokenClaims

REQUIRES: tuple[str, ...] = ()

TYPE = "at+jwt"
#: Our own claims: the grant's id, and the epochs of client and subject.
GRANT, EPOCHS = "grant_id", "epochs"


class JWTFormat:
    """Access tokens as signed JWTs."""

    def __init__(
        self, keys: Keys, clients: Clients, is_own_issuer: Callable[[str], bool], token_claims: TokenClaims
    ) -> None:
        self._is_own_issuer = is_own_issuer
        self._token_claims = token_claims
        self._keys = keys
        self._clients = clients

    def write(self, token: AccessToken, issuer: str) -> str:
        client = self._clients.find_by_id(token.client)
        if client is None:
            raise ClientAuthenticationError  # deleted right after it authenticated
        claims: dict[str, Any] = {
            **self._token_claims.claims_for(token),
            "iss": issuer,
            # Without a user the subject is the client (RFC 9068, section 2.2); users' subjects are never client_ids.
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
        chosen = client.access_token_alg or ""
        # An operator may have retired it since: the client's codes and refresh tokens must not be lost over that.
        text = self._keys.sign(TYPE, claims, chosen if self._keys.signs_by(chosen) else "")
        if len(text) > MAX_JWT_CHARACTERS:
            raise ValueError("Claims make this token too long to be accepted.")
        return text

    def read(self, text: str) -> AccessToken | None:
        """Verify with our own keys, each with its own algorithm, and check ``typ``; the header can't change that."""
        token = self._keys.verify(text)
        if token is None or str(token.header.get("typ", "")).lower() not in (TYPE, "application/" + TYPE):
            return None
        claims = token.claims
        if not _are_typed(claims) or not self._is_own_issuer(claims["iss"]):
            return None
        client = self._clients.find(claims["client_id"])
        return None if client is None else _access_token(claims, client.id)


def _are_typed(claims: dict[str, Any]) -> bool:
    """Tell whether all claims that we read exist and have the right type, as our keys also sign other JWTs."""
    epochs, audience = claims.get(EPOCHS), claims.get("aud")
    return (
        all(isinstance(claims.get(name), str) for name in ("iss", "sub", "client_id", "jti", "scope"))
        and all(type(claims.get(name)) is int for name in ("iat", "exp"))
        and isinstance(claims.get(GRANT, ""), str)
        and isinstance(audience, list)
        and all(isinstance(value, str) for value in audience)
        and isinstance(epochs, list)
        and [type(epoch) for epoch in epochs] == [int, int]
    )


def _access_token(claims: dict[str, Any], client: str) -> AccessToken:
    client_epoch, subject_epoch = claims[EPOCHS]
    return AccessToken(
        jti=claims["jti"],
        client=client,
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
    jwts = JWTFormat(server.keys, server.clients, server.is_own_issuer, server.token_claims)
    server.registry.add_token_format("jwt", jwts)
