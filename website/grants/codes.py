"""Authorization codes: creating one, taking it exactly once, and ending the grant of a replayed one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Text, bindparam, cast, insert, select, update

from .. import clock
from ..audit import REFUSED, Audit
from ..database import Database, Row, Statement, Writer
from ..database.tables import code, codes, epoch_of_subject, subject, subjects
from ..identifiers import AUTHORIZATION_CODE_PREFIX, hash_secret, new_secret
from ..sessions import AuthenticationContext
from ..sessions.authentication_context import AUTHENTICATION_COLUMNS, authentication_columns
from ..sessions.login_sessions import locked_session
from ..users.own_users_in_statements import may_log_in
from . import resource_scopes
from .ending_grants import REVOKE_GRANT
from .resource_scopes import ResourceScopes
from .storage import TokenUser

#: The columns of bindings that specifications add to a code; without them, a challenge is an unknown parameter.
UNBOUND: Mapping[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
CODE_COLUMNS = (
    "code_hash", "client", "subject", "consent", "redirect_uri", "scope", "resources", *AUTHENTICATION_COLUMNS,
    "code_challenge", "code_challenge_method", "stays_connected", "created_at", "expires_at",
)  # fmt: skip
INSERT_CODE = Statement(insert(codes).inline(), CODE_COLUMNS)
#: Takes a code for the client that it was issued to, and judges its login session and user. Another client's attempt
#: changes nothing.
CLAIM_CODE = Statement(
    update(codes)
    .where(
        code.code_hash == bindparam("code_hash_"),
        code.client == bindparam("client_"),
        code.used_at.is_(None),
    )
    .values(used_at=bindparam("now"), grant=bindparam("grant_"))
    .returning(
        code.subject, code.consent, code.redirect_uri, code.scope, cast(code.resources, Text), code.code_challenge,
        code.code_challenge_method, code.expires_at, code.stays_connected, locked_session(code.session),
        may_log_in(code.subject), epoch_of_subject(code.subject), *authentication_columns(code),
    )
)  # fmt: skip
REFUSE_CODE = Statement(update(codes).where(code.code_hash == bindparam("code_hash_")).values({code.grant: None}))
READ_USED_CODE = Statement(
    select(code.grant, code.subject).where(
        code.code_hash == bindparam("code_hash_"),
        code.client == bindparam("client_"),
        code.used_at.is_not(None),
    )
)
READ_CODE_CLIENT = Statement(
    select(code.client, code.code_challenge).where(code.code_hash == bindparam("code_hash_"), code.used_at.is_(None))
)
#: The user of a code, and the contents of a token for it.
READ_CODE_USER = Statement(
    select(subject.user_id, code.subject, code.scope, *authentication_columns(code))
    .join_from(codes, subjects, subject.subject == code.subject)
    .where(
        code.code_hash == bindparam("code_hash_"),
        code.client == bindparam("client_"),
        code.used_at.is_(None),
    )
)


class AuthorizationCode(NamedTuple):
    """A taken code, in the order of the statement's columns."""

    subject: str
    consent: str | None
    redirect_uri: str | None
    scope: str
    resources: ResourceScopes
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: int
    stays_connected: bool
    #: Whether the login session in which it was issued hasn't ended.
    is_logged_in: bool
    #: Whether its user may log in. External users are asked beforehand.
    user_may_log_in: bool
    subject_epoch: int
    authentication: AuthenticationContext

    @classmethod
    def from_row(cls, row: Row, judges_users: bool) -> AuthorizationCode:
        """Create it from the row that ``CLAIM_CODE`` returned."""
        (
            subject, consent, redirect_uri, scope, resources, challenge, challenge_method, expires_at, stays_connected,
            session, is_own_user, epoch, *authentication,
        ) = row  # fmt: skip
        return cls(
            *(subject, consent, redirect_uri, scope, resource_scopes.from_column(resources)),
            *(challenge, challenge_method, expires_at, bool(stays_connected)),
            is_logged_in=session is not None,
            user_may_log_in=epoch is not None and (bool(is_own_user) or not judges_users),
            subject_epoch=epoch,
            authentication=AuthenticationContext.from_row(*authentication),
        )


class Codes:
    """The authorization codes of one database. All methods except ``draw`` take a code's hash."""

    def __init__(self, database: Database, audit: Audit, lifetime_seconds: int, *, judges_users: bool) -> None:
        """``judges_users`` says that users are in our own table, and checked when a code is taken."""
        self._database = database
        self._audit = audit
        self._lifetime_seconds = lifetime_seconds
        self._judges_users = judges_users

    def draw(
        self,
        *,
        client: str,
        subject: str,
        consent: str | None,
        redirect_uri: str | None,
        scope: str | None,
        resources: ResourceScopes,
        authentication: AuthenticationContext,
        stays_connected: bool,
        bonds: Mapping[str, str | None],
    ) -> str:
        """Create and store a code with everything it is bound to. ``bonds`` are columns as in ``UNBOUND``."""
        code, now = new_secret(AUTHORIZATION_CODE_PREFIX), clock.now()
        self._database.write_one(
            INSERT_CODE,
            code_hash=hash_secret(code),
            client=client,
            subject=subject,
            consent=consent,
            redirect_uri=redirect_uri,
            scope=scope,
            resources=resource_scopes.to_column(resources),
            **authentication.to_row(),
            **{**UNBOUND, **bonds},
            stays_connected=stays_connected,
            created_at=now,
            expires_at=now + self._lifetime_seconds,
        )
        return code

    def find_user(self, code_hash: str, client: str) -> TokenUser | None:
        """Return the user of an unused code of this client, without taking it."""
        row = self._database.one(READ_CODE_USER, code_hash_=code_hash, client_=client)
        return None if row is None else TokenUser.from_row(row)

    def find_client(self, code_hash: str) -> tuple[str, bool] | None:
        """Return the client of an unused code, without taking it, and whether it needs a verifier."""
        row = self._database.one(READ_CODE_CLIENT, code_hash_=code_hash)
        return None if row is None else (row[0], row[1] is not None)

    def claim(self, writer: Writer, code_hash: str, client: str, grant_id: str | None) -> AuthorizationCode | None:
        """Take an unused code of this client in the caller's transaction, for the grant written with it."""
        row = writer.one(CLAIM_CODE, code_hash_=code_hash, client_=client, grant_=grant_id, now=clock.now())
        return None if row is None else AuthorizationCode.from_row(row, self._judges_users)

    def burn(self, code_hash: str, client: str) -> None:
        """Use up an unused code of this client without a grant."""
        self._database.write_one(CLAIM_CODE, code_hash_=code_hash, client_=client, grant_=None, now=clock.now())

    def refuse(self, writer: Writer, code_hash: str) -> None:
        """Record in the caller's transaction that a taken code was rejected after all."""
        writer.run(REFUSE_CODE, code_hash_=code_hash)

    def end_grant_of_used(self, writer: Writer, code_hash: str, client: str) -> None:
        """End the grant of an already redeemed code, as somebody else has it too (:rfc:`6749#section-4.1.2`)."""
        row = writer.one(READ_USED_CODE, code_hash_=code_hash, client_=client)
        if row is None or row[0] is None:
            return
        grant_id, subject = row
        if writer.run(REVOKE_GRANT, grant_=grant_id, now=clock.now()):
            facts = {"actor": client, "subject": subject, "client": client, "detail": {"grant": grant_id}}
            self._audit.add(writer, "authorization_code_replayed", REFUSED, **facts)
