"""The JWT profile for access tokens (:rfc:`9068`), an option per client: APIs can verify such tokens themselves.

https://www.rfc-editor.org/rfc/rfc9068

They are signed with the first algorithm in OAUTH2_SIGNING_ALGORITHMS, or the one that an operator chose for the client;
client metadata can't change that. Tokens for an API are as that API wants them, whatever the client. At this server,
such a token still ends with its grant, as it contains the grant's id and both epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...access.claim_map import ACCESS_TOKEN
from ...clients import Clients
from ...grants import AccessToken
from ...keys import Keys
from ...keys.jws import MAX_JWT_CHARACTERS
from ...resources import Resources
from ...settings import Settings
from ..errors import ClientAuthenticationError
from ..server import AuthorizationServer
from ..token_claims import TokenClaims

REQUIRES: tuple[str, ...] = ()

#: The ``typ`` of these tokens, and of those from before the standard, in lower case: an operator's choice for an API.
TYPE, FORMER_TYPE = "at+jwt", "jwt"
#: Our own claims: the grant's id, and the epochs of client and subject.
GRANT, EPOCHS = "grant_id", "epochs"


class JWTFormat:
    """Access tokens as signed JWTs."""

    def __init__(
        self,
        keys: Keys,
        clients: Clients,
        resources: Resources,
        is_own_issuer: Callable[[str], bool],
        token_claims: TokenClaims,
    ) -> None:
        self._is_own_issuer = is_own_issuer
        self._token_claims = token_claims
        self._keys = keys
        self._clients = clients
        self._resources = resources

    def write(self, token: AccessToken, issuer: str) -> str:
        client = self._clients.find_by_id(token.client)
        if client is None:
            raise ClientAuthenticationError  # deleted right after it authenticated
        claims: dict[str, Any] = {
            **self._token_claims.claims_for(token, client, ACCESS_TOKEN),
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
        typ, chosen = TYPE, client.access_token_alg or ""
        resource = None if token.audience == (issuer,) else self._resources.find(token.audience[0])
        if resource is not None:  # with others only if they take the same JWTs
            typ, chosen = resource.access_token_typ, resource.access_token_alg
        # An operator may have retired it since: the client's codes and refresh tokens must not be lost over that.
        text = self._keys.sign(typ, claims, chosen if self._keys.signs_by(chosen) else "")
        if len(text) > MAX_JWT_CHARACTERS:
            raise ValueError("Claims make this token too long to be accepted.")
        return text

    def read(self, text: str) -> AccessToken | None:
        """Verify with our own keys, each with its own algorithm, and check ``typ``; the header can't change that."""
        token = self._keys.verify(text)
        if token is None:
            return None
        claims, typ = token.claims, str(token.header.get("typ", "")).lower()
        if not _are_typed(claims) or not self._is_own_issuer(claims["iss"]):
            return None
        # Only APIs get the former type, which says nothing about the kind of JWT.
        if typ not in (TYPE, "application/" + TYPE) and not (typ == FORMER_TYPE and self._is_for_resources(claims)):
            return None
        client = self._clients.find(claims["client_id"])
        return None if client is None else _access_token(claims, client.id)

    def _is_for_resources(self, claims: dict[str, Any]) -> bool:
        found = [self._resources.find(identifier) for identifier in claims["aud"]]
        return bool(found) and all(resource is not None and resource.id is not None for resource in found)


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
    jwts = JWTFormat(server.keys, server.clients, server.resources, server.is_own_issuer, server.token_claims)
    server.registry.add_token_format("jwt", jwts)
