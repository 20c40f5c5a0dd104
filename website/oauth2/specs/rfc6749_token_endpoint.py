"""The token endpoint (:rfc:`6749#section-3.2`), which dispatches requests to grants.

https://www.rfc-editor.org/rfc/rfc6749#section-3.2

Also accepts multipart/form-data, as sent by ``curl -F``.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error

from ...clients.origins import REGISTERED
from ...settings import Settings
from ..client_authentication import BASIC, NONE, POST
from ..errors import Response, error_response
from ..requests import OAuth2Request
from ..server import AuthorizationServer

TOKEN_ENDPOINT = "/oauth/token"  # noqa: S105 - a path


def register(server: AuthorizationServer, settings: Settings) -> None:
    def issue_token(request: OAuth2Request) -> Response:
        if request.payload.grant_type is None:
            return error_response(InvalidRequestError("Missing 'grant_type' in request."))
        try:
            grant = server.get_token_grant(request)
        except OAuth2Error:
            # Authlib's text would repeat the client's input.
            return error_response(
                OAuth2Error(error="unsupported_grant_type", description="This server does not support that grant type.")
            )
        try:
            grant.validate_token_request()
            response = server.handle_response(*grant.create_token_response())
        except OAuth2Error as error:
            return error_response(error)
        if request.is_charged_to_holder:
            server.rate_limits.spare_address(request.environ)
        return response

    server.register_address(
        TOKEN_ENDPOINT,
        "issue_token",
        {"POST": issue_token},
        metadata="token_endpoint",
        multipart=True,
        cors=REGISTERED,
    )
    server.add_metadata(token_endpoint_auth_methods_supported=[BASIC, POST, NONE])
