"""Token introspection (:rfc:`7662`): an API asks whether a token is active and what it contains.

https://www.rfc-editor.org/rfc/rfc7662

An access token can be introspected by its own client and by APIs: each sees the tokens for the APIs that an operator
assigned to it, or, with ``may_introspect``, those for this server; others get ``{"active": false}``. A refresh token
only by its own client.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error

from ... import scopes
from ...access.claim_map import INTROSPECTION as INTROSPECTION_RESPONSE
from ...clients import Client
from ...grants.activity import INTROSPECTION
from ...settings import Settings
from ..client_authentication import BASIC, POST
from ..errors import Response, error_response, json_response
from ..granted_resources import still_granted
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

INTROSPECTION_ENDPOINT = "/oauth/introspect"
#: Not ``none``, as callers must authenticate (:rfc:`7662#section-2.1`).
AUTH_METHODS = [BASIC, POST]
INACTIVE = {"active": False}


class IntrospectionEndpoint:
    """Handles introspection requests."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def __call__(self, request: OAuth2Request) -> Response:
        try:
            client = self._server.authenticate_client(request, AUTH_METHODS, "introspection")
            text = request.payload.data.get("token")
            if text is None:
                raise InvalidRequestError("Missing 'token' in request.")
        except OAuth2Error as error:
            return error_response(error)
        self._server.grants.activity.count(client.id, INTROSPECTION)
        return json_response(200, self._describe(text, client, request.issuer))

    def _describe(self, text: str, client: Client, issuer: str) -> dict[str, Any]:
        refresh_token = self._server.grants.tokens.read_refresh_token(text)
        if refresh_token is not None:
            granted = self._server.grants.find_refreshable_scope(refresh_token, client)
            if granted is None:
                return INACTIVE
            left = still_granted(self._server.resources, client, granted.resources)
            usable = scopes.join((scopes.within(granted.scope, client.scope), *(scope for _resource, scope in left)))
            return {"active": True, "scope": usable.strip(), "client_id": client.client_id, "iss": issuer}
        state = self._server.access_tokens.find_live(text)
        if state is None:
            return INACTIVE
        owner, token = state.client, self._server.resource_tokens.visible_to(client, state)
        if token is None:
            return INACTIVE
        described = {
            "active": True,
            "scope": token.scope,
            "client_id": owner.client_id,
            "token_type": "Bearer",
            "exp": token.expires_at,
            "iat": token.issued_at,
            "iss": issuer,
            "aud": list(token.audience),
            "jti": token.jti,
        }
        if token.subject is not None:
            described["sub"] = self._server.subject_for(owner, token.subject)
        # Ours last, so that custom claims never replace standard ones (section 2.2).
        return self._server.token_claims.claims_for(token, owner, INTROSPECTION_RESPONSE) | described


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_address(
        INTROSPECTION_ENDPOINT,
        "introspect_token",
        {"POST": IntrospectionEndpoint(server)},
        metadata="introspection_endpoint",
        auth_methods=AUTH_METHODS,
    )
