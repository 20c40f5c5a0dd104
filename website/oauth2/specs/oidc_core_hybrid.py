"""The hybrid flow (OpenID Connect Core 1.0, section 3.3): a code, along with tokens through the browser.

https://openid.net/specs/openid-connect-core-1_0.html#HybridFlowAuth

The ID token in the browser is bound to the code with ``c_hash``. The code has the same protection as always, including
PKCE.
"""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error

from ...settings import Settings
from ..authorization_response import FRAGMENT
from ..front_channel_tokens import check_openid_request, grant_in_browser
from ..requests import OAuth2Request
from ..response_type_interface import Given
from ..server import AuthorizationServer
from ..user_decision import Decision
from .rfc6749_authorization_code import CodeResponse

RESPONSE_TYPES = ("code id_token", "code id_token token", "code token")

REQUIRES = ("oidc_core_id_token", "rfc6749_authorization_code")


class HybridResponse(CodeResponse):
    """Returns a code along with an access token, an ID token or both."""

    def check(self, request: OAuth2Request) -> None:
        check_openid_request(request)
        super().check(request)

    def give(self, request: OAuth2Request, decision: Decision) -> Given | OAuth2Error:
        code = self.draw_code(request, decision)
        authorized = grant_in_browser(self._server, request, decision)
        return authorized if isinstance(authorized, OAuth2Error) else Given(code, authorized)


def register(server: AuthorizationServer, settings: Settings) -> None:
    for response_type in RESPONSE_TYPES:
        server.registry.add_response_type(response_type, HybridResponse(server))
    server.registry.add_metadata(response_modes_supported=[FRAGMENT])
