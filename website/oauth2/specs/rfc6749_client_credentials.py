"""The client credentials grant (:rfc:`6749#section-4.4`): a machine acts for itself.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4

No user, no refresh token, and no database write, as the token is sealed.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidScopeError

from ... import scopes
from ...settings import Settings
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..token_grant import Authorized, TokenGrant
from ..token_issuance import allowed_scope

REQUIRES: tuple[str, ...] = ()


class ClientCredentialsGrant(TokenGrant[str]):
    """Issues a token to the client itself; its credential is the requested scope."""

    GRANT_TYPE = "client_credentials"

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def read(self, request: OAuth2Request) -> str:
        requested = request.payload.scope
        scope = allowed_scope(self._server, request.client, requested)
        usable = scopes.without_user_scopes(scope)
        if requested is not None and usable != scope:
            raise InvalidScopeError(
                "The scopes openid and offline_access require a user, which client_credentials doesn't have."
            )
        return usable

    def take(self, request: OAuth2Request, credential: str) -> Authorized:
        return Authorized(credential)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_grant(ClientCredentialsGrant(server))
