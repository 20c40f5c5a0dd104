"""Authorization codes: their columns, and the statement that takes one exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select, update

from ..database import Row, Statement
from ..database.tables import authentication_of, code, codes, of_subject, subject, subjects
from ..sessions import AuthenticationContext
from ..sessions.authentication_context import AUTHENTICATION_COLUMNS

CODE_COLUMNS = (
    "code_hash", "client", "subject", "consent", "redirect_uri", "scope", *AUTHENTICATION_COLUMNS, "code_challenge",
    "code_challenge_method", "stays_connected", "created_at", "expires_at",
)  # fmt: skip
INSERT_CODE = Statement(insert(codes).inline(), CODE_COLUMNS)
#: Takes a code for the client that it was issued to. Another client's attempt changes nothing.
CLAIM_CODE = Statement(
    update(codes)
    .where(
        code.code_hash == bindparam("code_hash_"),
        code.client == bindparam("client_"),
        code.used_at.is_(None),
    )
    .values(used_at=bindparam("now"), grant=bindparam("grant_"))
    .returning(
        code.subject, code.consent, code.redirect_uri, code.scope, code.code_challenge, code.code_challenge_method,
        code.expires_at, of_subject(subject.user_id, code.subject), of_subject(subject.token_epoch, code.subject),
        code.stays_connected, *authentication_of(code),
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
#: Whose code it is, and what a token for it would say.
READ_CODE_USER = Statement(
    select(subject.user_id, code.subject, code.scope, *authentication_of(code))
    .join_from(codes, subjects, subject.subject == code.subject)
    .where(
        code.code_hash == bindparam("code_hash_"),
        code.client == bindparam("client_"),
        code.used_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A taken code, in the order of the statement's columns."""

    subject: str
    consent: str | None
    redirect_uri: str | None
    scope: str
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: int
    user_id: str | None
    subject_epoch: int
    stays_connected: bool
    authentication: AuthenticationContext

    @classmethod
    def from_row(cls, row: Row) -> AuthorizationCode:
        """Create it from the row that the statement returned."""
        subject, consent, redirect_uri, scope, challenge, method, expires_at, user_id, epoch, stays, *authentication = (
            row
        )
        held_by = AuthenticationContext.from_row(*authentication)
        return cls(
            subject, consent, redirect_uri, scope, challenge, method, expires_at, user_id, epoch, bool(stays), held_by
        )
