"""The implicit flow (OpenID Connect Core 1.0, section 3.2): an ID token through the browser, optionally with an access
token.

https://openid.net/specs/openid-connect-core-1_0.html#ImplicitFlowAuth

With ``id_token`` no access token is sent through the browser. With ``id_token token`` one is: RFC 9700, section 2.1.2
advises against it, so a client has to register it explicitly.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import grants

from ...settings import Settings
from ..authorization_request import AuthorizationGrantMixin
from ..authorization_response import FRAGMENT
from ..decision import Decision
from ..front_channel import check_openid_request, give_in_browser
from ..requests import Pairs
from ..server import AuthorizationServer


class OpenIDImplicitGrant(AuthorizationGrantMixin, grants.ImplicitGrant):
    """Returns an ID token through the browser."""

    RESPONSE_TYPES = {"id_token", "id_token token"}

    def check_request(self) -> None:
        check_openid_request(self.request)

    def give(self, redirect_uri: str, decision: Decision) -> Pairs:
        return give_in_browser(self.server, self.request, redirect_uri, decision)


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None:
        return  # there are no ID tokens
    server.register_grant(OpenIDImplicitGrant)
    server.add_metadata(
        grant_types_supported=[OpenIDImplicitGrant.GRANT_TYPE],
        response_types_supported=sorted(OpenIDImplicitGrant.RESPONSE_TYPES),
        response_modes_supported=[FRAGMENT],
    )
