"""The resource owner password credentials grant (:rfc:`6749#section-4.3`), for clients that register it explicitly.

https://www.rfc-editor.org/rfc/rfc6749#section-4.3

RFC 9700, section 2.4 forbids it for new systems, as the client sees the password. It exists because the walk-through
uses it; clients don't have it by default, and the page that offers it warns against it.
"""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants

from ... import clock
from ...grants.storage import NewGrant
from ...settings import Settings
from ...users import Account
from ...users.login_throttle import TooManyTriesError
from ...users.passwords import TooManyLoginsError
from ..errors import TemporarilyUnavailableError, TooManyRequestsError
from ..protocols import Holder
from ..server import AuthorizationServer
from ..token_issuance import allowed_scope, authenticate_client, gives_refresh_token, issue_tokens

WRONG_CREDENTIALS = "Wrong username or password."


class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):
    """Issues tokens for a username and password."""

    def validate_token_request(self) -> None:
        client = authenticate_client(self.server, self.request, self.GRANT_TYPE)
        fields = self.request.payload.data
        if "username" not in fields or "password" not in fields:
            raise InvalidRequestError("Missing 'username' or 'password' in request.")
        self.request.scope = allowed_scope(self.server, client, self.request.payload.scope)
        self.request.asked_at = clock.now()
        try:
            self.request.user = self.server.password_login.authenticate(
                fields["username"], fields["password"], client=client.id
            )
        except TooManyLoginsError:
            raise TemporarilyUnavailableError from None
        except TooManyTriesError as error:
            raise TooManyRequestsError(error.wait_seconds) from None
        if self.request.user is None:
            raise InvalidGrantError(WRONG_CREDENTIALS)

    def create_token_response(self) -> tuple[int, dict[str, Any], list[Any]]:
        server, client = self.server, self.request.client
        account: Account = self.request.user
        subject, epoch = server.subjects.subject_for_account(account)
        refreshable = gives_refresh_token(server, client)
        granted = NewGrant(client=client.id, subject=subject, grant_type=self.GRANT_TYPE, scope=self.request.scope)
        with server.database.write() as writer:
            # Our own accounts have an epoch. For external users, nothing may have been ended since the check.
            since = self.request.asked_at - 1 if account.epoch is None else None
            if not server.subjects.lock_if_unchanged(writer, subject, epoch, since):
                raise InvalidGrantError(WRONG_CREDENTIALS)  # it changed after the check
            grant_id = server.grants.write(writer, granted, refreshable)
            server.audit.add(writer, "login", subject=subject, client=client.id, detail={"grant": grant_id})
        holder = Holder(grant_id, subject, epoch, granted.authentication, 0 if refreshable else None)
        return 200, issue_tokens(server, self.request, self.GRANT_TYPE, self.request.scope, holder), []


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.register_grant(PasswordGrant)
    server.add_metadata(grant_types_supported=[PasswordGrant.GRANT_TYPE])
