"""The client credentials grant (:rfc:`6749#section-4.4`): a machine acts for itself.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4

No user, no refresh token, and no database write, as the token is sealed. For an API, only what an operator allowed.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidScopeError

from ... import scopes
from ...settings import Settings
from ..requested_scope import RequestedScope, requested_scope
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..token_grant import Authorized, TokenGrant

REQUIRES: tuple[str, ...] = ()


class ClientCredentialsGrant(TokenGrant[RequestedScope]):
    """Issues a token to the client itself; its credential is the requested scope."""

    GRANT_TYPE = "client_credentials"

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def read(self, request: OAuth2Request) -> RequestedScope:
        chosen = requested_scope(self._server, request, self._server.resources.allowed_scope, has_user=False)
        if chosen.resources:
            return chosen  # APIs have no scopes that only a user can grant
        usable = scopes.without_user_scopes(chosen.scope)
        if request.payload.scope is not None and usable != chosen.scope:
            raise InvalidScopeError(
                "The scopes openid and offline_access require a user, which client_credentials doesn't have."
            )
        return RequestedScope(usable)

    def take(self, request: OAuth2Request, credential: RequestedScope) -> Authorized:
        return Authorized(credential.scope, None, credential.resources)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_grant(ClientCredentialsGrant(server))
