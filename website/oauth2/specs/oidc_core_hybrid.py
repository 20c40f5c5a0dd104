"""The hybrid flow (OpenID Connect Core 1.0, section 3.3): a code, along with tokens through the browser.

https://openid.net/specs/openid-connect-core-1_0.html#HybridFlowAuth

The ID token in the browser is bound to the code with ``c_hash``. The code has the same protection as always, including
PKCE.
"""

from __future__ import annotations

from ...settings import Settings
from ..authorization_response import FRAGMENT
from ..decision import Decision
from ..front_channel import check_openid_request, give_in_browser
from ..requests import Pairs
from ..server import AuthorizationServer
from .rfc6749_authorization_code import AuthorizationCodeGrant


class HybridGrant(AuthorizationCodeGrant):
    """Returns a code along with an access token, an ID token or both."""

    RESPONSE_TYPES = {"code id_token", "code token", "code id_token token"}

    def check_request(self) -> None:
        check_openid_request(self.request)

    def give(self, redirect_uri: str, decision: Decision) -> Pairs:
        code = self.give_code(decision)
        return [("code", code), *give_in_browser(self.server, self.request, redirect_uri, decision, code)]


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None or not server.has_grant(HybridGrant.GRANT_TYPE):
        return  # there are no ID tokens or no codes
    server.register_grant(HybridGrant)
    server.add_metadata(
        response_types_supported=sorted(HybridGrant.RESPONSE_TYPES), response_modes_supported=[FRAGMENT]
    )
