"""Bearer tokens (:rfc:`6750`): reading one from a request, checking it, and the challenge if it is rejected.

https://www.rfc-editor.org/rfc/rfc6750

Only from the Authorization header, never from the query, which could end up in logs.
"""

from __future__ import annotations

from collections.abc import Iterable

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6750 import InsufficientScopeError, InvalidTokenError

from ... import scopes
from ...grants import AccessToken
from ...settings import Settings
from ..errors import REALM, Response, error_members, error_response, json_error
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

SCHEME = "bearer"


class BearerTokenValidator:
    """Checks bearer tokens for one server."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def authenticate(self, authorization: str) -> AccessToken:
        """Return the token of an Authorization header. Raises ``InvalidRequestError`` or ``InvalidTokenError``."""
        _scheme, _space, text = authorization.partition(" ")
        text = text.strip()
        if not text or " " in text:
            raise InvalidRequestError("The Authorization header is malformed. Send Bearer, a space, and the token.")
        token = self._server.access_tokens.find_authentic(text)
        if token is None:
            raise InvalidTokenError
        return token

    def check_scope(self, token: AccessToken, all_of: Iterable[str], any_of: Iterable[str]) -> None:
        """Raise ``InsufficientScopeError`` unless the token has all of ``all_of`` and, if given, one of ``any_of``."""
        token_scopes, one_of = set(scopes.split(token.scope)), set(any_of)
        if not set(all_of) <= token_scopes or (one_of and not one_of & token_scopes):
            raise InsufficientScopeError

    def challenge(self, error: OAuth2Error | None, scope: str) -> Response:
        """Return the challenge (:rfc:`6750#section-3`): no error code without a token, and any missing scope."""
        parts = [f'realm="{REALM}"']
        if error is None:
            answer = json_error(401, "unauthorized", "Send an access token.")
        else:
            answer = error_response(error)
            members = error_members(error.error, error.get_error_description(), error.uri)
            parts += [f'{name}="{value}"' for name, value in members.items()]
        if scope and not isinstance(error, InvalidTokenError):
            parts.append(f'scope="{scope}"')
        headers = (*answer.headers, ("WWW-Authenticate", "Bearer " + ", ".join(parts)))
        return Response(answer.status, headers, answer.body)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_token_validator(SCHEME, BearerTokenValidator(server))
