"""The implicit grant (:rfc:`6749#section-4.2`), for clients without a secret that register it explicitly.

https://www.rfc-editor.org/rfc/rfc6749#section-4.2

RFC 9700, section 2.1.2 advises against it, as the token appears in the address bar. It exists because the walk-through
uses it; clients don't have it by default, and the page that offers it warns against it.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import UnauthorizedClientError, grants

from ...settings import Settings
from ..authorization_request import AuthorizationGrantMixin
from ..authorization_response import FRAGMENT
from ..decision import Decision
from ..front_channel import give_in_browser
from ..requests import Pairs
from ..server import AuthorizationServer


class ImplicitGrant(AuthorizationGrantMixin, grants.ImplicitGrant):
    """Returns an access token through the browser, in the fragment."""

    def validate_authorization_request(self) -> str:
        redirect_uri = super().validate_authorization_request()
        client = self.request.client
        if not client.is_public or self.GRANT_TYPE not in client.grant_types:
            raise UnauthorizedClientError(
                "The implicit grant is for clients whose token_endpoint_auth_method is none.", redirect_uri=redirect_uri
            )
        return redirect_uri

    def give(self, redirect_uri: str, decision: Decision) -> Pairs:
        return give_in_browser(self.server, self.request, redirect_uri, decision)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.register_grant(ImplicitGrant)
    server.add_metadata(
        grant_types_supported=[ImplicitGrant.GRANT_TYPE],
        response_types_supported=sorted(ImplicitGrant.RESPONSE_TYPES),
        response_modes_supported=[FRAGMENT],
    )
