"""The authorization code grant (:rfc:`6749#section-4.1`): a person gives a client access through the browser.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1

A code is stored as a hash, lives for a minute, and is redeemed by one statement in the transaction that writes the
grant. A failed attempt by the code's own client uses it up. A second attempt revokes the first one's grant.
"""

from __future__ import annotations

from collections.abc import Mapping

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError

from ... import clock, scopes
from ...clients import Client
from ...database import Writer
from ...grants.codes import AuthorizationCode
from ...grants.storage import NewGrant, TokenUser
from ...identifiers import hash_secret, new_identifier
from ...settings import Settings
from ..errors import InvalidTargetError
from ..granted_resources import GrantedResource, choose_resources, still_granted, stored
from ..rate_limits import TOKEN
from ..requests import OAuth2Request
from ..response_type_interface import Given, bind_code, find_unbound
from ..server import AuthorizationServer
from ..staying_connected import stays_connected
from ..token_grant import NO_ACCESS, Authorized, TokenGrant
from ..token_issuance import authorized_by_code, gives_refresh_token
from ..user_decision import Decision

CODE = "code"
NOT_GRANTED = "The user didn't grant access to this resource. The code is used up: send another authorization request."
USER_GONE = "The user of this authorization code no longer exists or can't log in."

REQUIRES: tuple[str, ...] = ()


class CodeResponse:
    """Returns a code through the browser."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def check(self, request: OAuth2Request) -> None:
        self._bind(request)

    def give(self, request: OAuth2Request, decision: Decision) -> Given | OAuth2Error:
        return Given(code=self.draw_code(request, decision))

    def draw_code(self, request: OAuth2Request, decision: Decision) -> str:
        """Create and store a code with everything it is bound to."""
        return self._server.codes.draw(
            client=request.client.id,
            subject=decision.login.subject,
            consent=decision.consent,
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            resources=stored(request.granted_resources),
            authentication=request.authentication_by(decision.login),
            stays_connected=stays_connected(self._server, request, decision),
            bonds=self._bind(request),
        )

    def _bind(self, request: OAuth2Request) -> Mapping[str, str | None]:
        return bind_code(self._server.registry.code_bindings, request)


class AuthorizationCodeGrant(TokenGrant[str]):
    """Exchanges a code for tokens; its credential is the code's hash."""

    GRANT_TYPE = "authorization_code"

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def read(self, request: OAuth2Request) -> str:
        code = request.payload.data.get("code")
        if code is None:
            raise InvalidRequestError("Missing 'code' in request.")
        return hash_secret(code)

    def find_user(self, request: OAuth2Request, credential: str) -> TokenUser | None:
        user = self._server.codes.find_user(credential, request.client.id)
        return None if user is None else user._replace(scope=scopes.within(user.scope, request.client.scope))

    def discard(self, request: OAuth2Request, credential: str) -> OAuth2Error:
        self._server.codes.burn(credential, request.client.id)
        return InvalidGrantError(USER_GONE)

    def take(self, request: OAuth2Request, credential: str) -> Authorized | OAuth2Error:
        grant_id = new_identifier()
        with self._server.database.write() as writer:
            outcome = self._redeem(writer, request, credential, grant_id)
        if isinstance(outcome, OAuth2Error):
            return outcome
        code, resources = outcome
        if not request.is_charged_to_holder:
            # The code authenticates its client. The first request of a grant is never rejected.
            self._server.rate_limits.charge_holder(TOKEN, grant_id)
            request.is_charged_to_holder = True
        return authorized_by_code(self._server, request, code, grant_id, resources)

    def _redeem(
        self, writer: Writer, request: OAuth2Request, code_hash: str, grant_id: str
    ) -> tuple[AuthorizationCode, tuple[GrantedResource, ...]] | OAuth2Error:
        """Take the code and write its grant, or return the error (:rfc:`6749#section-4.1.3`).

        Also returns the APIs that the access token is for, which don't narrow the grant (:rfc:`8707#section-2.2`).
        """
        client: Client = request.client
        codes = self._server.codes
        code = codes.claim(writer, code_hash, client.id, grant_id)
        if code is None:
            codes.end_grant_of_used(writer, code_hash, client.id)
            return InvalidGrantError("The authorization code is invalid, expired, or already used.")
        # The client may have lost some scopes since the code was issued.
        left = still_granted(self._server.resources, client, code.resources)
        refusal = self._find_refusal(request, code)
        chosen = refusal or choose_resources(code.resources, left, request.resources)
        if isinstance(chosen, OAuth2Error):
            codes.refuse(writer, code_hash)
            return InvalidTargetError(NOT_GRANTED) if isinstance(chosen, InvalidTargetError) else chosen
        code = code._replace(scope=scopes.within(code.scope, client.scope), resources=stored(left))
        granted = NewGrant(
            client=client,
            subject=code.subject,
            grant_type=self.GRANT_TYPE,
            scope=code.scope,
            resources=code.resources,
            consent=code.consent,
            authentication=code.authentication,
            stays_connected=code.stays_connected,
        )
        if self._server.grants.write(writer, granted, gives_refresh_token(self._server, client), grant_id) is None:
            codes.refuse(writer, code_hash)
            return InvalidGrantError(NO_ACCESS)  # the person could use it when the code was issued
        return code, chosen

    def _find_refusal(self, request: OAuth2Request, code: AuthorizationCode) -> OAuth2Error | None:
        if code.expires_at <= clock.now():
            return InvalidGrantError("The authorization code has expired.")
        if not code.is_logged_in:
            return InvalidGrantError("The user has logged out.")
        if not code.user_may_log_in:
            return InvalidGrantError(USER_GONE)
        if code.redirect_uri != request.payload.redirect_uri and not _may_omit_redirect_uri(request, code):
            return InvalidGrantError("The redirect_uri differs from the authorization request.")
        return find_unbound(self._server.registry.code_bindings, request, code)


def _may_omit_redirect_uri(request: OAuth2Request, code: AuthorizationCode) -> bool:
    """Tell whether it is optional: the request had none, so the only registered one was used."""
    return code.redirect_uri is None and request.payload.redirect_uri == request.client.get_default_redirect_uri()


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_grant(AuthorizationCodeGrant(server))
    server.registry.add_response_type(CODE, CodeResponse(server))
