"""The implicit grant (:rfc:`6749#section-4.2`), for clients without a secret that register it explicitly.

https://www.rfc-editor.org/rfc/rfc6749#section-4.2

RFC 9700, section 2.1.2 advises against it, as the token appears in the address bar. It exists because the walk-through
uses it; clients don't have it by default, and the page that offers it warns against it.
"""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import UnauthorizedClientError

from ...settings import Settings
from ..authorization_response import FRAGMENT
from ..front_channel_tokens import IMPLICIT, grant_in_browser
from ..requests import OAuth2Request
from ..response_type_interface import Given
from ..server import AuthorizationServer
from ..user_decision import Decision

REQUIRES: tuple[str, ...] = ()


class TokenResponse:
    """Returns an access token through the browser, in the fragment."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def check(self, request: OAuth2Request) -> None:
        if not request.client.is_public or IMPLICIT not in request.client.grant_types:
            raise UnauthorizedClientError("The implicit grant is for clients whose token_endpoint_auth_method is none.")

    def give(self, request: OAuth2Request, decision: Decision) -> Given | OAuth2Error:
        authorized = grant_in_browser(self._server, request, decision)
        return authorized if isinstance(authorized, OAuth2Error) else Given(authorized=authorized)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_response_type("token", TokenResponse(server))
    server.registry.add_metadata(grant_types_supported=[IMPLICIT], response_modes_supported=[FRAGMENT])
