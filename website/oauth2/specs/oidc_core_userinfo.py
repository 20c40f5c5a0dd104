"""The UserInfo endpoint (OpenID Connect Core 1.0, section 5.3): the user of a token, with the claims of its scope.

https://openid.net/specs/openid-connect-core-1_0.html#UserInfo

It returns the claims of the granted scope and individually requested ones. The token is sent in the Authorization
header or in the body of a POST (:rfc:`6750#section-2.2`), never in the query, which could end up in logs. The response
is JSON, or a JWT if the client registered that: signed, and optionally encrypted (section 5.3.2).
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6750 import InvalidTokenError

from ...access.claim_map import USERINFO
from ...grants.token_states import ActiveToken
from ...scopes import OPENID
from ...settings import Settings
from ..client_jwts import ClientJWTs
from ..endpoint_addresses import REGISTERED
from ..errors import NO_STORE, Response, error_response, json_response
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..token_acceptance import TokenRefusedError

REQUIRES = ("oidc_core_scopes",)

USERINFO_ENDPOINT = "/oauth/userinfo"
#: Not defined by any specification, but without a type it could be mistaken for an ID token (:rfc:`8725#section-3.11`).
TYPE = "userinfo+jwt"


class UserInfoEndpoint:
    """Handles UserInfo requests."""

    def __init__(self, server: AuthorizationServer, jwts: ClientJWTs) -> None:
        self._server = server
        self._jwts = jwts

    def __call__(self, request: OAuth2Request) -> Response:
        try:
            state = self._accept(request)
        except TokenRefusedError as refusal:
            return refusal.answer
        token, client = state.token, state.client
        if token.subject is None or state.user_id is None:
            return self._server.access_tokens.refuse(request.authorization, InvalidTokenError(), OPENID).answer
        names = state.requested_claims.userinfo
        claims = self._server.accounts.claims.claims_for(client, state.user_id, state.own_scope, names, state.own_user)
        claims |= self._server.access.claim_maps.claims_for(client, state.user_id, state.own_scope, USERINFO)
        document = {"sub": self._server.subject_for(client, token.subject), **claims}
        if not self._jwts.is_wanted_by(client):
            return json_response(200, document)
        try:
            text = self._jwts.write(client, {"iss": request.issuer, "aud": client.client_id, **document}, TYPE)
        except OAuth2Error as error:
            return error_response(error)
        return Response(200, (("Content-Type", "application/jwt"), *NO_STORE), text.encode())

    def _accept(self, request: OAuth2Request) -> ActiveToken:
        """Return the token with its user. Raises ``TokenRefusedError``, also if the user may no longer log in."""
        try:
            state = self._server.access_tokens.accept_with_claims(_read_authorization(request), (OPENID,))
            if not self._has_user(state):
                raise InvalidTokenError
        except OAuth2Error as error:
            raise self._server.access_tokens.refuse(request.authorization, error, OPENID) from None
        return state

    def _has_user(self, state: ActiveToken) -> bool:
        if not self._server.accounts.are_external:
            return state.own_user is not None
        # An embedding application may no longer accept this user.
        return state.user_id is not None and self._server.users.find(state.user_id) is not None


def _read_authorization(request: OAuth2Request) -> str | None:
    """Return the token in the form of an Authorization header. Raises ``InvalidRequestError`` if it is sent twice."""
    text = request.payload.data.get("access_token")
    if text is None:
        return request.authorization
    if request.authorization:
        raise InvalidRequestError("Send the access token in the header or in the body, not both.")
    if text.split() != [text]:
        raise InvalidRequestError("The access token is malformed.")
    return f"Bearer {text}"


def register(server: AuthorizationServer, settings: Settings) -> None:
    jwts = ClientJWTs(server, settings, "userinfo")
    endpoint = UserInfoEndpoint(server, jwts)
    methods = {"GET": endpoint, "POST": endpoint}
    server.registry.add_address(
        USERINFO_ENDPOINT, "show_userinfo", methods, metadata="userinfo_endpoint", cors=REGISTERED
    )
    for name, check in jwts.fields.items():
        server.registry.add_client_field(name, check)
    server.registry.add_metadata(
        **jwts.metadata,
        claims_supported=["sub", *server.accounts.claims.supported(server.registry.scopes)],
        claim_types_supported=["normal"],
    )
