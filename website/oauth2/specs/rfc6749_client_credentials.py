"""The client credentials grant (:rfc:`6749#section-4.4`): a machine acts for itself.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4

No user, no refresh token, and no database write, as the token is sealed.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError, grants

from ... import scopes
from ...settings import Settings
from ..server import AuthorizationServer
from ..token_issuance import allowed_scope, authenticate_client, issue_tokens


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """Issues a token to the client itself."""

    def validate_token_request(self) -> None:
        client = authenticate_client(self.server, self.request, self.GRANT_TYPE)
        wanted = self.request.payload.scope
        scope = allowed_scope(self.server, client, wanted)
        self.request.scope = scopes.without_user_scopes(scope)
        if wanted is not None and self.request.scope != scope:
            raise InvalidScopeError(
                "The scopes openid and offline_access require a user, which client_credentials doesn't have."
            )

    def create_token_response(self) -> tuple[int, dict[str, Any], list[Any]]:
        return 200, issue_tokens(self.server, self.request, self.GRANT_TYPE, self.request.scope, None), []


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.register_grant(ClientCredentialsGrant)
    server.add_metadata(grant_types_supported=[ClientCredentialsGrant.GRANT_TYPE])
