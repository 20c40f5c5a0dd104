"""The UserInfo endpoint (OpenID Connect Core 1.0, section 5.3): who granted a token, and what its scopes tell of them.

https://openid.net/specs/openid-connect-core-1_0.html#UserInfo

The claims go by the scope that was granted, and by those that were asked for one by one. The token comes in the
Authorization header or in the body of a POST (:rfc:`6750#section-2.2`), never in the query, which ends in logs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6750 import InvalidTokenError

from ..claims import claims_of_scope
from ..cors import REGISTERED
from ..requested_claims import RequestedClaims
from ..scopes import OPENID
from ..settings import Settings
from .errors import Response, json_response
from .live_token import LiveToken
from .requests import OAuth2Request
from .token_acceptance import TokenRefusedError, accept_token, refuse_token

if TYPE_CHECKING:
    from .server import AuthorizationServer

USERINFO_ENDPOINT = "/oauth/userinfo"


class UserInfoEndpoint:
    """Answers UserInfo requests."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def __call__(self, request: OAuth2Request) -> Response:
        try:
            token, user_id, asked = self._accept(request)
        except TokenRefusedError as refusal:
            return refusal.answer
        claims = self._server.user_claims.of(user_id, (*claims_of_scope(token.scope), *asked.userinfo))
        return json_response(200, {"sub": token.subject, **claims})

    def _accept(self, request: OAuth2Request) -> tuple[LiveToken, str, RequestedClaims]:
        try:
            token = accept_token(self._server, _read_authorization(request), (OPENID,))
            user_id, asked = self._server.grants.find_holder(token.token.grant or "")
            if user_id is None or self._server.users.find(user_id) is None:
                raise InvalidTokenError  # an embedding application lets this user in no more
        except OAuth2Error as error:
            raise refuse_token(self._server, request.authorization, error, OPENID) from None
        return token, user_id, asked


def _read_authorization(request: OAuth2Request) -> str | None:
    """Return the token as an Authorization header has it. Raises ``InvalidRequestError`` for one sent twice."""
    text = request.payload.data.get("access_token")
    if text is None:
        return request.authorization
    if request.authorization:
        raise InvalidRequestError("Send the access token in the header or in the body, not in both.")
    if text.split() != [text]:
        raise InvalidRequestError("The access token is malformed.")
    return f"Bearer {text}"


def register(server: AuthorizationServer, settings: Settings) -> None:
    if OPENID not in server.scopes:
        return  # no token could open it
    endpoint = UserInfoEndpoint(server)
    methods = {"GET": endpoint, "POST": endpoint}
    server.register_address(USERINFO_ENDPOINT, "show_userinfo", methods, metadata="userinfo_endpoint", cors=REGISTERED)
    server.add_metadata(
        claims_supported=["sub", *server.user_claims.supported(server.scopes)], claim_types_supported=["normal"]
    )
