"""The resource owner password credentials grant (:rfc:`6749#section-4.3`), for clients that register it explicitly.

https://www.rfc-editor.org/rfc/rfc6749#section-4.3

RFC 9700, section 2.4 forbids it for new systems, as the client sees the password. It exists because the walk-through
uses it; clients don't have it by default, and the page that offers it warns against it.
"""

from __future__ import annotations

from dataclasses import dataclass

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError

from ... import clock
from ...grants.storage import NewGrant, TokenUser
from ...sessions.assurance import PASSWORD
from ...settings import Settings
from ...users import Account
from ...users.login_throttle import TooManyTriesError
from ...users.password_queue import TooManyLoginsError
from ..errors import TemporarilyUnavailableError, TooManyRequestsError
from ..granted_resources import GrantedResource, stored, told
from ..requested_scope import requested_scope
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..spec_interfaces import Holder
from ..token_grant import NO_ACCESS, Authorized, TokenGrant
from ..token_issuance import gives_refresh_token

REQUIRES: tuple[str, ...] = ()

WRONG_CREDENTIALS = "Wrong username or password."
MORE_NEEDED = "This account needs a second factor, or a new password. Use the authorization code grant instead."


@dataclass(frozen=True, slots=True)
class CheckedPassword:
    """A user whose password has just been checked."""

    account: Account
    subject: str
    subject_epoch: int
    scope: str
    resources: tuple[GrantedResource, ...]
    #: When the password was checked, in seconds since the epoch.
    asked_at: int


class PasswordGrant(TokenGrant[CheckedPassword]):
    """Issues tokens for a username and password."""

    GRANT_TYPE = "password"

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def read(self, request: OAuth2Request) -> CheckedPassword:
        fields = request.payload.data
        if "username" not in fields or "password" not in fields:
            raise InvalidRequestError("Missing 'username' or 'password' in request.")
        # Nobody is asked for consent, so that an operator has to allow the client an API.
        requested = requested_scope(self._server, request, self._server.resources.allowed_scope)
        asked_at = clock.now()
        account = self._authenticate(fields["username"], fields["password"], request.client.id)
        subject, epoch = self._server.accounts.subjects.subject_for_account(account)
        return CheckedPassword(account, subject, epoch, *requested, asked_at)

    def _authenticate(self, username: str, password: str, client: str) -> Account:
        try:
            account = self._server.accounts.password_login.authenticate(username, password, client=client)
        except TooManyLoginsError:
            raise TemporarilyUnavailableError from None
        except TooManyTriesError as error:
            raise TooManyRequestsError(error.wait_seconds) from None
        if account is None:
            raise InvalidGrantError(WRONG_CREDENTIALS)
        return account

    def find_user(self, request: OAuth2Request, credential: CheckedPassword) -> TokenUser:
        return TokenUser(credential.account.id, credential.subject, credential.scope)

    def take(self, request: OAuth2Request, credential: CheckedPassword) -> Authorized | OAuth2Error:
        server, client, subject = self._server, request.client, credential.subject
        refreshable = gives_refresh_token(server, client)
        resources = stored(credential.resources)
        granted = NewGrant(client, subject, self.GRANT_TYPE, credential.scope, resources)
        with server.database.write() as writer:
            # Our own accounts have an epoch. For external users, nothing may have been ended since the check.
            since = credential.asked_at - 1 if credential.account.epoch is None else None
            if not server.accounts.subjects.lock_if_unchanged(writer, subject, credential.subject_epoch, since):
                return InvalidGrantError(WRONG_CREDENTIALS)  # it changed after the check
            if not server.sessions.allows(writer, credential.account, PASSWORD):
                return InvalidGrantError(MORE_NEEDED)
            grant_id = server.grants.write(writer, granted, refreshable)
            if grant_id is None:
                # Section 5.2 has no access_denied: the credentials are right, but of no use as a grant here.
                return InvalidGrantError(NO_ACCESS)
            detail = {"grant": grant_id, **told(credential.resources)}
            server.audit.add(writer, "login", subject=subject, client=client.id, detail=detail)
        generation = 0 if refreshable else None
        epoch, authentication = credential.subject_epoch, granted.authentication
        holder = Holder(grant_id, subject, epoch, authentication, generation, tuple(resources))
        return Authorized(credential.scope, holder, credential.resources)


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_grant(PasswordGrant(server))
