"""The authorization code grant (:rfc:`6749#section-4.1`): a person gives a client access through the browser.

https://www.rfc-editor.org/rfc/rfc6749#section-4.1

A code is stored as a hash, lives for a minute, and is redeemed by one statement in the transaction that writes the
grant. A failed attempt by the code's own client uses it up. A second attempt revokes the first one's grant.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, OAuth2Error, grants

from ... import clock, scopes
from ...audit import REFUSED
from ...database import Writer
from ...grants.codes import CLAIM_CODE, INSERT_CODE, READ_CODE_USER, READ_USED_CODE, REFUSE_CODE, AuthorizationCode
from ...grants.ending_grants import REVOKE_GRANT
from ...grants.storage import NewGrant
from ...identifiers import AUTHORIZATION_CODE_PREFIX, hash_secret, new_identifier, new_secret
from ...sessions.login_sessions import HOLD_SESSION
from ...settings import Settings
from ..authorization_request import AuthorizationGrantMixin
from ..decision import Decision
from ..protocols import Holder
from ..requests import Pairs
from ..server import AuthorizationServer
from ..staying_connected import stays_connected
from ..token_issuance import (
    ask_external_users,
    authenticate_client,
    charge_holder,
    check_id_token,
    gives_refresh_token,
    issue_tokens,
)


class AuthorizationCodeGrant(AuthorizationGrantMixin, grants.AuthorizationCodeGrant):
    """Returns a code through the browser, and exchanges it for tokens."""

    #: Set by the extension that checks it (:rfc:`7636`); without it, a challenge is an unknown parameter.
    code_challenge: str | None = None
    code_challenge_method: str | None = None

    def give(self, redirect_uri: str, decision: Decision) -> Pairs:
        return [("code", self.give_code(decision))]

    def give_code(self, decision: Decision) -> str:
        """Create and store a code with everything it is bound to."""
        code = new_secret(AUTHORIZATION_CODE_PREFIX)
        self.save_authorization_code(code, decision)
        return code

    def save_authorization_code(self, code: str, decision: Decision) -> None:
        present, fields = clock.now(), self.request.payload.data
        with self.server.database.write() as writer:
            writer.run(
                INSERT_CODE,
                code_hash=hash_secret(code),
                client=self.request.client.id,
                subject=decision.login.subject,
                consent=decision.consent,
                redirect_uri=fields.get("redirect_uri"),
                scope=self.request.scope,
                **self.request.authentication_by(decision.login).to_row(),
                code_challenge=self.code_challenge,
                code_challenge_method=self.code_challenge_method,
                stays_connected=stays_connected(self.server, self.request, decision),
                created_at=present,
                expires_at=present + self.server.settings.authorization_code_seconds,
            )

    def validate_token_request(self) -> None:
        client = authenticate_client(self.server, self.request, self.GRANT_TYPE)
        code = self.request.payload.data.get("code")
        if code is None:
            raise InvalidRequestError("Missing 'code' in request.")
        ask_external_users(self.server, READ_CODE_USER, code_hash_=hash_secret(code), client_=client.id)
        check_id_token(self.server, client)
        grant_id = new_identifier()
        # Errors are returned and raised after the commit: raised inside, they would roll back using up the code.
        with self.server.database.write() as writer:
            outcome = self._redeem(writer, hash_secret(code), client.id, grant_id)
        if isinstance(outcome, OAuth2Error):
            raise outcome
        # After the commit, as it may need a second connection of the same pool.
        if outcome.user_id is None or self.server.users.find(outcome.user_id) is None:
            self.server.grants.revoke(grant_id)
            raise InvalidGrantError("The user of this authorization code no longer exists or can't log in.")
        charge_holder(self.server, self.request, grant_id)  # the first request of this grant is never rejected
        self.request.authorization_code = outcome
        self.request.credential = grant_id

    def _redeem(self, writer: Writer, code_hash: str, client: str, grant_id: str) -> AuthorizationCode | OAuth2Error:
        """Take the code and write its grant, or return the error (:rfc:`6749#section-4.1.3`)."""
        claim = {"code_hash_": code_hash, "client_": client}
        row = writer.one(CLAIM_CODE, **claim, grant_=grant_id, now=clock.now())
        if row is None:
            used = writer.one(READ_USED_CODE, **claim)
            if used is not None and used[0] is not None:
                # Somebody else has the code too, so revoke its tokens (RFC 6749, section 4.1.2).
                revoked = writer.run(REVOKE_GRANT, grant_=used[0], now=clock.now())
                if revoked:
                    facts = {"actor": client, "subject": used[1], "client": client, "detail": {"grant": used[0]}}
                    self.server.audit.add(writer, "authorization_code_replayed", REFUSED, **facts)
            return InvalidGrantError("The authorization code is invalid, expired, or already used.")
        code = AuthorizationCode.from_row(row)
        # The client may have lost some scopes since the code was issued.
        code = replace(code, scope=scopes.within(code.scope, self.request.client.scope))
        refusal = self._find_refusal(code, writer)
        if refusal is not None:
            writer.run(REFUSE_CODE, code_hash_=code_hash)
            return refusal
        self.server.grants.write(writer, self._new_grant(code), self._gives_refresh_token(), grant_id)
        return code

    def _find_refusal(self, code: AuthorizationCode, writer: Writer) -> OAuth2Error | None:
        if code.expires_at <= clock.now():
            return InvalidGrantError("The authorization code has expired.")
        if writer.one(HOLD_SESSION, id_=code.authentication.session) is None:
            return InvalidGrantError("The user has logged out.")
        if code.redirect_uri != self.request.payload.redirect_uri and not self._may_omit_redirect_uri(code):
            return InvalidGrantError("The redirect_uri differs from the authorization request.")
        self.request.authorization_code = code
        try:
            self.execute_hook("after_validate_token_request", None)
        except OAuth2Error as error:
            return error
        return None

    def _may_omit_redirect_uri(self, code: AuthorizationCode) -> bool:
        """Tell whether it is optional: the request had none, so the only registered one was used."""
        given = self.request.payload.redirect_uri
        return code.redirect_uri is None and given == self.request.client.get_default_redirect_uri()

    def _gives_refresh_token(self) -> bool:
        return gives_refresh_token(self.server, self.request.client)

    def _new_grant(self, code: AuthorizationCode) -> NewGrant:
        return NewGrant(
            client=self.request.client.id,
            subject=code.subject,
            grant_type=self.GRANT_TYPE,
            scope=code.scope,
            consent=code.consent,
            authentication=code.authentication,
            stays_connected=code.stays_connected,
        )

    def create_token_response(self) -> tuple[int, dict[str, Any], list[Any]]:
        code: AuthorizationCode = self.request.authorization_code
        generation = 0 if self._gives_refresh_token() else None
        holder = Holder(self.request.credential, code.subject, code.subject_epoch, code.authentication, generation)
        return 200, issue_tokens(self.server, self.request, self.GRANT_TYPE, code.scope, holder), []


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.register_grant(AuthorizationCodeGrant)
    server.add_metadata(
        grant_types_supported=[AuthorizationCodeGrant.GRANT_TYPE],
        response_types_supported=sorted(AuthorizationCodeGrant.RESPONSE_TYPES),
    )
