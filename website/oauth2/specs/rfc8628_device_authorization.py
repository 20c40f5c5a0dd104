"""Device authorization grant (:rfc:`8628`): a device without a browser shows a code, and a person enters it on a phone.

https://www.rfc-editor.org/rfc/rfc8628

The device gets a device code, with which it polls the token endpoint, and a user code, which it shows. Both are stored
as hashes, and a device code is redeemed by one statement in the transaction that writes the grant; a second attempt
revokes that grant. PKCE is checked if the device sends a challenge.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc8628 import AuthorizationPendingError, ExpiredTokenError, SlowDownError

from ... import clock, scopes
from ...clients import Client
from ...clients.metadata import DEVICE_CODE
from ...database import Writer
from ...grants.device_codes import AllowedCode
from ...grants.storage import NewGrant, TokenUser
from ...grants.user_codes import write_user_code
from ...grants.waiting_devices import TooManyDevicesError
from ...identifiers import hash_secret, new_identifier
from ...settings import Settings
from ..authorization_request import Kind, check_authorization_request
from ..errors import InvalidTargetError, Response, TooManyRequestsError
from ..granted_resources import GrantedResource, choose_resources, still_granted, stored
from ..requests import OAuth2Request
from ..response_type_interface import bind_code, find_unbound
from ..server import AuthorizationServer
from ..token_grant import NO_ACCESS, Authorized, TokenGrant
from ..token_issuance import authorized_by_code, gives_refresh_token
from ..token_request import authenticate_client, charge_holder, respond

DEVICE_AUTHORIZATION_ENDPOINT, VERIFICATION_PAGE = "/oauth/device_authorization", "/device"
USER_CODE = "user_code"
INVALID = "The device code is invalid or already used."
USER_GONE = "The user who allowed this device no longer exists or can't log in."
#: How long a device waits before it asks for a code again if too many devices wait already.
BUSY_SECONDS = 60

REQUIRES: tuple[str, ...] = ("rfc6749_token_endpoint",)


class DeviceCodeGrant(TokenGrant[str]):
    """Exchanges a device code for tokens once the person has allowed it; its credential is the code's hash."""

    GRANT_TYPE = DEVICE_CODE

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def read(self, request: OAuth2Request) -> str:
        """Count the poll, and tell the device to go on waiting, or why it's in vain (:rfc:`8628#section-3.5`)."""
        device_code = request.payload.data.get("device_code")
        if device_code is None:
            raise InvalidRequestError("Missing 'device_code' in request.")
        code_hash = hash_secret(device_code)
        poll = self._server.device_codes.poll(code_hash, request.client.id)
        if poll is None:
            self._server.device_codes.end_grant_of_used(code_hash, request.client.id)
            raise InvalidGrantError(INVALID)
        charge_holder(self._server, request, code_hash)
        if poll.is_too_soon:
            raise SlowDownError("From now on, wait 5 seconds longer between requests.")
        if poll.is_expired:
            raise ExpiredTokenError("The device code has expired. Ask for a new one.")
        if poll.is_denied:
            raise AccessDeniedError("The user denied the request.")
        if not poll.is_allowed:
            # An answer that the device is expected to get: many devices of one network may wait.
            self._server.rate_limits.spare_address(request.environ)
            raise AuthorizationPendingError("The user hasn't decided yet.")
        return code_hash

    def find_user(self, request: OAuth2Request, credential: str) -> TokenUser | None:
        user = self._server.device_codes.find_user(credential, request.client.id)
        return None if user is None else user._replace(scope=scopes.within(user.scope, request.client.scope))

    def discard(self, request: OAuth2Request, credential: str) -> OAuth2Error:
        self._server.device_codes.burn(credential, request.client.id)
        return InvalidGrantError(USER_GONE)

    def take(self, request: OAuth2Request, credential: str) -> Authorized | OAuth2Error:
        grant_id = new_identifier()
        with self._server.database.write() as writer:
            outcome = self._redeem(writer, request, credential, grant_id)
        if outcome is None:
            self._server.device_codes.end_grant_of_used(credential, request.client.id)
            return InvalidGrantError(INVALID)
        if isinstance(outcome, OAuth2Error):
            return outcome
        code, resources = outcome
        return authorized_by_code(self._server, request, code, grant_id, resources)

    def _redeem(
        self, writer: Writer, request: OAuth2Request, code_hash: str, grant_id: str
    ) -> tuple[AllowedCode, tuple[GrantedResource, ...]] | OAuth2Error | None:
        """Take the code and write its grant, or return the error; ``None`` if another request took it.

        Also returns the APIs that the access token is for, which don't narrow the grant.
        """
        client: Client = request.client
        device_codes = self._server.device_codes
        code = device_codes.claim(writer, code_hash, client.id, grant_id)
        if code is None:
            return None
        # The client may have lost some scopes since the device asked.
        left = still_granted(self._server.resources, client, code.resources)
        chosen = choose_resources(code.resources, left, request.resources)
        code = replace(code, scope=scopes.within(code.scope, client.scope), resources=stored(left))
        granted = NewGrant(
            client=client,
            subject=code.subject,
            grant_type=self.GRANT_TYPE,
            scope=code.scope,
            resources=code.resources,
            authentication=code.authentication,
            stays_connected=code.stays_connected,
        )
        chosen = self._find_refusal(request, code, granted) or chosen
        if isinstance(chosen, InvalidTargetError):
            device_codes.release(writer, code_hash)  # a wrong resource doesn't cost the person another decision
            return chosen
        if isinstance(chosen, OAuth2Error):
            device_codes.refuse(writer, code_hash)
            return chosen
        if self._server.grants.write(writer, granted, gives_refresh_token(self._server, client), grant_id) is None:
            device_codes.refuse(writer, code_hash)
            return AccessDeniedError(NO_ACCESS)  # the person could use it when they allowed the device
        return code, chosen

    def _find_refusal(self, request: OAuth2Request, code: AllowedCode, granted: NewGrant) -> OAuth2Error | None:
        if code.expires_at <= clock.now():
            return ExpiredTokenError("The device code has expired. Ask for a new one.")
        if not code.user_may_log_in:
            return InvalidGrantError(USER_GONE)
        if granted.ends_with_session and not code.is_logged_in:
            return InvalidGrantError("The user has logged out.")
        return find_unbound(self._server.registry.code_bindings, request, code)


class DeviceAuthorization:
    """The device authorization endpoint (:rfc:`8628#section-3.1`)."""

    def __init__(self, server: AuthorizationServer, grant: DeviceCodeGrant) -> None:
        self._server = server
        self._grant = grant

    def answer(self, request: OAuth2Request) -> Response:
        """Return a device code and the user code to show. Raises ``OAuth2Error``."""
        server, settings = self._server, self._server.settings
        authenticate_client(server, request, self._grant)
        request.is_for_device = True
        check_authorization_request(server, request, Kind.DEVICE)
        try:
            device_code, user_code = server.device_codes.draw(
                client=request.client.id,
                scope=request.scope or "",
                resources=stored(request.granted_resources),
                bonds=bind_code(server.registry.code_bindings, request),
                lifetime_seconds=settings.device_code_seconds,
                interval_seconds=settings.device_code_interval_seconds,
            )
        except TooManyDevicesError:
            raise TooManyRequestsError(BUSY_SECONDS) from None
        shown_code, page = write_user_code(user_code), request.issuer + VERIFICATION_PAGE
        members = {
            "device_code": device_code,
            "user_code": shown_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({USER_CODE: shown_code})}",
            "expires_in": settings.device_code_seconds,
            "interval": settings.device_code_interval_seconds,
        }
        return respond(server, request, members)


def register(server: AuthorizationServer, settings: Settings) -> None:
    grant = DeviceCodeGrant(server)
    server.registry.add_grant(grant)
    server.registry.add_address(
        DEVICE_AUTHORIZATION_ENDPOINT,
        "device_authorization.authorize_device",
        {"POST": DeviceAuthorization(server, grant).answer},
        metadata="device_authorization_endpoint",
        multipart=True,
    )
