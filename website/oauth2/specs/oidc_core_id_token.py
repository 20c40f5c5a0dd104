"""The ID token (OpenID Connect Core 1.0, section 2): who logged in, when, how, and for which client, signed.

https://openid.net/specs/openid-connect-core-1_0.html#IDToken

It is in every token response for a grant with the scope ``openid``, including refreshes. ``at_hash`` and ``c_hash``
bind it to the access token and code of the same response.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from ... import clock
from ...access.claim_map import ID_TOKEN
from ...clients import Client
from ...grants.storage import TokenUser
from ...settings import Settings
from ..client_jwts import ClientJWTs
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..spec_interfaces import BesideIDToken, Holder

REQUIRES = ("oidc_core_scopes",)

#: The hash of algorithms whose name doesn't include it.
HASHES = {"EdDSA": "sha512"}
CLAIMS = ("iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash")


class IDTokens:
    """Writes the ID tokens of one server."""

    def __init__(self, server: AuthorizationServer, settings: Settings, jwts: ClientJWTs) -> None:
        self._server = server
        self._lifetime = settings.id_token_seconds
        self._jwts = jwts

    def prepare(self, request: OAuth2Request, user: TokenUser, has_scope_claims: bool) -> Mapping[str, Any]:
        client: Client = request.client
        self._jwts.check_client(client)  # it may have no key for that just now
        subject, session = self._server.subject_for(client, user.subject), user.authentication.session
        if session is not None and not self._server.registry.session_fields.isdisjoint(client.metadata):
            # Recorded first, so that a client with an ID token always gets the logout notice.
            self._server.sessions.clients.record(client.id, session, request.issuer, subject)
        scope, names = user.scope if has_scope_claims else "", user.authentication.claims.id_token
        user_claims = self._server.accounts.claims
        claims = user_claims.claims_for(client, user.user_id, scope, names) if scope or names else {}
        if has_scope_claims or not request.redirect_uri:  # not beside an access token in the browser (section 5.4)
            claims |= self._server.access.claim_maps.claims_for(client, user.user_id, user.scope, ID_TOKEN)
        return {**claims, "sub": subject}

    def __call__(self, request: OAuth2Request, holder: Holder, beside: BesideIDToken, claims: Mapping[str, Any]) -> str:
        client: Client = request.client
        algorithm = self._jwts.algorithm_for(client)
        authentication, now = holder.authentication, clock.now()
        own_claims = {
            "iss": request.issuer,
            "aud": client.client_id,
            "azp": client.client_id,
            "iat": now,
            "exp": now + self._lifetime,
            "auth_time": authentication.auth_time,
            "nonce": authentication.nonce,
            "acr": authentication.acr,
            "amr": list(authentication.amr) or None,
            "sid": authentication.session,
            "at_hash": half_hash(beside.access_token, algorithm),
            "c_hash": half_hash(beside.code, algorithm),
        }
        return self._jwts.write(
            client, {**claims, **{name: value for name, value in own_claims.items() if value is not None}}
        )


def half_hash(text: str | None, algorithm: str) -> str | None:
    """Return the left half of a text's hash, using the hash of the signature algorithm (section 3.1.3.6).

    For EdDSA with Ed25519 that is SHA-512 (:rfc:`8032#section-5.1`).
    """
    if text is None:
        return None
    digest = hashlib.new(HASHES.get(algorithm, f"sha{algorithm[2:]}"), text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def register(server: AuthorizationServer, settings: Settings) -> None:
    jwts = ClientJWTs(server, settings, "id_token")
    server.registry.add_id_token_writer(IDTokens(server, settings, jwts))
    server.registry.add_authorization_parameters("nonce")
    for name, check in jwts.fields.items():
        server.registry.add_client_field(name, check)
    server.registry.add_metadata(
        **jwts.metadata,
        subject_types_supported=["public"],
        claims_supported=list(CLAIMS),
    )
    if server.sessions.acr_values:
        server.registry.add_metadata(acr_values_supported=list(server.sessions.acr_values))
