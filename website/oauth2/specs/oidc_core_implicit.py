"""The implicit flow (OpenID Connect Core 1.0, section 3.2): an ID token through the browser, optionally with an access
token.

https://openid.net/specs/openid-connect-core-1_0.html#ImplicitFlowAuth

With ``id_token`` no access token is sent through the browser. With ``id_token token`` one is: RFC 9700, section 2.1.2
advises against it, so a client has to register it explicitly.
"""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error

from ...settings import Settings
from ..authorization_response import FRAGMENT
from ..front_channel_tokens import IMPLICIT, check_openid_request, grant_in_browser
from ..requests import OAuth2Request
from ..response_type_interface import Given
from ..server import AuthorizationServer
from ..user_decision import Decision

REQUIRES = ("oidc_core_id_token",)

RESPONSE_TYPES = ("id_token", "id_token token")


class IDTokenResponse:
    """Returns an ID token through the browser, with an access token if the client requests one."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def check(self, request: OAuth2Request) -> None:
        check_openid_request(request)

    def give(self, request: OAuth2Request, decision: Decision) -> Given | OAuth2Error:
        authorized = grant_in_browser(self._server, request, decision)
        return authorized if isinstance(authorized, OAuth2Error) else Given(authorized=authorized)


def register(server: AuthorizationServer, settings: Settings) -> None:
    for response_type in RESPONSE_TYPES:
        server.registry.add_response_type(response_type, IDTokenResponse(server))
    server.registry.add_metadata(grant_types_supported=[IMPLICIT], response_modes_supported=[FRAGMENT])
