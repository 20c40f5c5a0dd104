"""The ID token (OpenID Connect Core 1.0, section 2): who logged in, when, how, and for which client, signed.

https://openid.net/specs/openid-connect-core-1_0.html#IDToken

It is in every token response for a grant with the scope ``openid``, including refreshes. ``at_hash`` and ``c_hash``
bind it to the access token and code of the same response.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from ... import clock, scopes
from ...clients import Client
from ...settings import Settings
from ..client_jwts import ClientJWTs
from ..protocols import BesideIDToken, Holder
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..token_issuance import keep_client

#: The hash of algorithms whose name doesn't include it.
HASHES = {"EdDSA": "sha512"}
CLAIMS = ("iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "c_hash")


class IDTokens:
    """Writes the ID tokens of one server."""

    def __init__(self, server: AuthorizationServer, settings: Settings, jwts: ClientJWTs) -> None:
        self._server = server
        self._lifetime = settings.id_token_seconds
        self._jwts = jwts

    def __call__(self, request: OAuth2Request, scope: str, holder: Holder, beside: BesideIDToken) -> str:
        client: Client = request.client
        keep_client(self._server, client)
        algorithm = self._jwts.algorithm_for(client)
        authentication, present = holder.authentication, clock.now()
        subject = self._server.subject_for(client, holder.subject)
        if authentication.session is not None and not self._server.session_fields.isdisjoint(client.metadata):
            # Recorded first, so that a client with an ID token always gets the logout notice.
            self._server.client_sessions.record(client.id, authentication.session, request.issuer, subject)
        claims = {
            "iss": request.issuer,
            "sub": subject,
            "aud": client.client_id,
            "azp": client.client_id,
            "iat": present,
            "exp": present + self._lifetime,
            "auth_time": authentication.auth_time,
            "nonce": authentication.nonce,
            "acr": authentication.acr,
            "amr": list(authentication.amr) or None,
            "sid": authentication.session,
            "at_hash": half_hash(beside.access_token, algorithm),
            "c_hash": half_hash(beside.code, algorithm),
        }
        said = {name: value for name, value in claims.items() if value is not None}
        # Without an access token, the client can't call the UserInfo endpoint (section 5.4). Its operator may also have
        # chosen this for ID tokens that aren't sent through the browser.
        has_scope_claims = beside.is_alone or (client.claims_in_id_token and beside.is_from_token_endpoint)
        given_scope, names = scope if has_scope_claims else "", authentication.claims.id_token
        if given_scope or names:
            said = {**self._claims_of(holder.subject, given_scope, names), **said}
        return self._jwts.write(client, said)

    def check_client(self, client: Client) -> None:
        """Raise ``InvalidRequestError`` where none could be written for a client: it has no key for that just now."""
        self._jwts.check_client(client)

    def _claims_of(self, subject: str, scope: str, names: Iterable[str]) -> dict[str, Any]:
        user_id = self._server.subjects.user_id_of(subject)
        return {} if user_id is None else self._server.user_claims.claims_for(user_id, scope, names)


def half_hash(text: str | None, algorithm: str) -> str | None:
    """Return the left half of a text's hash, using the hash of the signature algorithm (section 3.1.3.6).

    For EdDSA with Ed25519 that is SHA-512 (:rfc:`8032#section-5.1`).
    """
    if text is None:
        return None
    digest = hashlib.new(HASHES.get(algorithm, f"sha{algorithm[2:]}"), text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def register(server: AuthorizationServer, settings: Settings) -> None:
    if scopes.OPENID not in server.scopes:
        return  # nobody can request one
    jwts = ClientJWTs(server, settings, "id_token")
    server.write_id_token = IDTokens(server, settings, jwts)
    server.authorization_parameters.add("nonce")
    for name, check in jwts.fields.items():
        server.add_client_field(name, check)
    server.add_metadata(
        **jwts.metadata,
        subject_types_supported=["public"],
        claims_supported=list(CLAIMS),
    )
    acr_values = list(server.host_facts.acr_values)
    if not server.has_external_users:
        acr_values = ["0" if settings.demo else "1"]
    if acr_values:
        server.add_metadata(acr_values_supported=acr_values)
