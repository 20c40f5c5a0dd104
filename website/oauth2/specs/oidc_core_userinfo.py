"""The UserInfo endpoint (OpenID Connect Core 1.0, section 5.3): who granted a token, and what its scopes tell of them.

https://openid.net/specs/openid-connect-core-1_0.html#UserInfo

The claims go by the scope that was granted, and by those that were asked for one by one. The token comes in the
Authorization header or in the body of a POST (:rfc:`6750#section-2.2`), never in the query, which ends in logs. The
answer is JSON, or a JWT for a client that registered so: signed, and encrypted where it wants that (section 5.3.2).
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6750 import InvalidTokenError

from ...clients.origins import REGISTERED
from ...scopes import OPENID
from ...settings import Settings
from ...users.requested_claims import RequestedClaims
from ..access_tokens import LiveToken, TokenRefusedError
from ..client_jwts import ClientJWTs
from ..errors import NO_STORE, Response, error_response, json_response
from ..requests import OAuth2Request
from ..server import AuthorizationServer

USERINFO_ENDPOINT = "/oauth/userinfo"
#: No specification names a type for it; without one it could pass for an ID token (:rfc:`8725#section-3.11`).
TYPE = "userinfo+jwt"


class UserInfoEndpoint:
    """Answers UserInfo requests."""

    def __init__(self, server: AuthorizationServer, jwts: ClientJWTs) -> None:
        self._server = server
        self._jwts = jwts

    def __call__(self, request: OAuth2Request) -> Response:
        try:
            token, user_id, asked = self._accept(request)
        except TokenRefusedError as refusal:
            return refusal.answer
        claims = self._server.user_claims.claims_for(user_id, token.scope, asked.userinfo)
        client = token.client
        if client is None or token.subject is None:
            return self._server.access_tokens.refuse(request.authorization, InvalidTokenError(), OPENID).answer
        said = {"sub": self._server.subject_for(client, token.subject), **claims}
        if not self._jwts.is_wanted_by(client):
            return json_response(200, said)
        try:
            text = self._jwts.write(client, {"iss": request.issuer, "aud": client.client_id, **said}, TYPE)
        except OAuth2Error as error:
            return error_response(error)
        return Response(200, (("Content-Type", "application/jwt"), *NO_STORE), text.encode())

    def _accept(self, request: OAuth2Request) -> tuple[LiveToken, str, RequestedClaims]:
        try:
            token = self._server.access_tokens.accept(_read_authorization(request), (OPENID,))
            user_id, asked = self._server.grants.find_holder(token.token.grant or "")
            if user_id is None or self._server.users.find(user_id) is None:
                raise InvalidTokenError  # an embedding application lets this user in no more
        except OAuth2Error as error:
            raise self._server.access_tokens.refuse(request.authorization, error, OPENID) from None
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
    jwts = ClientJWTs(server, settings, "userinfo")
    endpoint = UserInfoEndpoint(server, jwts)
    methods = {"GET": endpoint, "POST": endpoint}
    server.register_address(USERINFO_ENDPOINT, "show_userinfo", methods, metadata="userinfo_endpoint", cors=REGISTERED)
    for name, check in jwts.fields.items():
        server.add_client_field(name, check)
    server.add_metadata(
        **jwts.metadata,
        claims_supported=["sub", *server.user_claims.supported(server.scopes)],
        claim_types_supported=["normal"],
    )
