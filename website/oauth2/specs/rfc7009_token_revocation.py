"""Token revocation (:rfc:`7009`): a client invalidates a token that it no longer needs.

https://www.rfc-editor.org/rfc/rfc7009

Revoking a refresh token ends its grant, including access tokens. Revoking an access token only ends that token, or also
its grant with OAUTH2_REVOKE_GRANT_WITH_ACCESS_TOKEN. A wrong hint makes no difference.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error

from ...clients import Client
from ...settings import Settings
from ..client_authentication import BASIC, NONE, POST
from ..endpoint_addresses import REGISTERED
from ..errors import Response, error_response, json_response
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

REVOCATION_ENDPOINT = "/oauth/revoke"
AUTH_METHODS = [BASIC, POST, NONE]


class RevocationEndpoint:
    """Handles revocation requests."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def __call__(self, request: OAuth2Request) -> Response:
        try:
            client = self._server.authenticate_client(request, AUTH_METHODS, "revocation")
            text = request.payload.data.get("token")
            if text is None:
                raise InvalidRequestError("Missing 'token' in request.")
            self._revoke(text, client)
        except OAuth2Error as error:
            return error_response(error)
        # Unknown tokens and other clients' tokens get the same response (RFC 7009, section 2.2).
        return json_response(200, {})

    def _revoke(self, text: str, client: Client) -> None:
        grants, tokens = self._server.grants, self._server.grants.tokens
        refresh_token = tokens.read_refresh_token(text)
        if refresh_token is not None:
            grants.revoke_of_client(refresh_token.grant, client.id)
            return
        access_token = tokens.read_access_token(text)
        if access_token is None or access_token.client != client.id:
            return
        if access_token.grant is not None and self._server.settings.revoke_grant_with_access_token:
            grants.revoke(access_token.grant)
        else:
            grants.revoke_access_token(access_token)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_address(
        REVOCATION_ENDPOINT,
        "revoke_token",
        {"POST": RevocationEndpoint(server)},
        metadata="revocation_endpoint",
        auth_methods=AUTH_METHODS,
        cors=REGISTERED,
    )
