"""Logging in with a passkey: who has answered a challenge, with throttling and security events."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import String, cast, select

from .. import clock
from ..audit import FAILURE, REFUSED, Audit
from ..database import Database
from ..models.passkey import Passkey
from ..models.subject import Subject
from ..models.user import User
from .login_throttle import LoginThrottle, network_key
from .passkey_challenges import use_up
from .passkey_verification import USED_CHALLENGE, PasskeyError, Signed, read_response, verify_signature
from .passkeys import detail_of
from .relying_party import RelyingParty
from .users_protocol import Account

#: Why a passkey isn't accepted, besides what verification finds.
UNKNOWN, COUNT_REGRESSED = "unknown_passkey", "sign_count_regressed"


@dataclass(frozen=True, slots=True)
class ProvedAccount:
    """An account that somebody has just shown with a passkey to be theirs."""

    account: Account
    is_user_verified: bool
    #: Whether the key may be on several devices, so that no hardware holds it alone.
    is_backup_eligible: bool


class PasskeyLogin:
    """Logs people in with the passkeys of one database."""

    def __init__(self, database: Database, audit: Audit, throttle: LoginThrottle | None) -> None:
        self._database = database
        self._audit = audit
        self._throttle = throttle

    def authenticate(
        self,
        text: str,
        challenge: bytes,
        party: RelyingParty,
        *,
        requires_verification: bool = True,
        user_id: int | None = None,
    ) -> ProvedAccount:
        """Return who has answered a challenge, in JSON. The challenge is used up by a valid signature alone.

        With ``user_id``, only that account's passkeys are accepted, as its second factor. Raises
        :class:`PasskeyError`, and ``TooManyTriesError`` after too many failures from one address.
        """
        subject: str | None = None
        try:
            answer = read_response(text)
            found = self._find_credential(answer["id"], user_id)
            if found is None:
                raise PasskeyError(UNKNOWN)
            passkey, account = found
            subject = account.subject
            _check_user_handle(answer["response"].get("userHandle"), passkey, is_optional=user_id is not None)
            signed = verify_signature(
                answer, challenge, party, passkey.public_key, requires_verification=requires_verification
            )
            self._record_use(passkey, signed, challenge, subject)
        except PasskeyError as error:
            self._note_failure(subject, error.reason)
            raise
        return ProvedAccount(account, signed.is_user_verified, passkey.is_backup_eligible)

    def _find_credential(self, credential_id: str, user_id: int | None) -> tuple[Passkey, Account] | None:
        """Return a passkey and the account that it logs in, with its epoch from before the verification."""
        query = (
            select(Passkey, User.username, User.is_operator, Subject.subject, Subject.token_epoch)
            .join(User, User.id == Passkey.user_id)
            .join(Subject, Subject.user_id == cast(User.id, String))
            .where(Passkey.credential_id == credential_id, User.disabled_at.is_(None))
        )
        if user_id is not None:
            query = query.where(Passkey.user_id == user_id)
        with self._database.reading() as session:
            row = session.execute(query).one_or_none()
        if row is None:
            return None
        passkey, username, is_operator, subject, epoch = row
        return passkey, Account(str(passkey.user_id), username, subject, epoch, is_operator=is_operator)

    def _record_use(self, passkey: Passkey, signed: Signed, challenge: bytes, subject: str | None) -> None:
        """Use up the challenge and keep the new sign count, or refuse. Raises :class:`PasskeyError` after the commit.

        A count that doesn't rise means that two copies of the key sign (Web Authentication, Level 3, section 7.2, step
        22, and section 6.1.1). Of a key that can't be copied, that is refused: the copy with the highest count goes on,
        and the person removes the passkey. A synchronized key has copies anyway, so nothing follows from its counts.
        """
        if signed.is_backup_eligible != passkey.is_backup_eligible:
            raise PasskeyError("changed_backup_eligibility")
        with self._database.writing() as session:
            problem = "" if use_up(session, challenge) else USED_CHALLENGE
            if not problem:
                kept = select(Passkey).where(Passkey.id == passkey.id).with_for_update()
                problem = _count_use(session.scalar(kept), signed)
            if problem == COUNT_REGRESSED:
                detail = {**detail_of(passkey), "sign_count": signed.sign_count}
                self._audit.add(session, "passkey_count_regressed", REFUSED, subject=subject, detail=detail)
        if problem:
            raise PasskeyError(problem)

    def _note_failure(self, subject: str | None, reason: str) -> None:
        """Record a failed login and count it for the address. Raises ``TooManyTriesError``, recording nothing."""
        if self._throttle is not None:
            self._throttle.count_try(network_key())
        detail = {"method": "passkey", "reason": reason}
        self._audit.record("login", FAILURE, actor="", subject=subject, detail=detail)


def _count_use(passkey: Passkey | None, signed: Signed) -> str:
    """Keep what a passkey's use has changed, in its locked row; return why it is refused, or ""."""
    if passkey is None:
        return UNKNOWN  # removed since it was read
    counts = signed.sign_count or passkey.sign_count
    if counts and signed.sign_count <= passkey.sign_count and not passkey.is_backup_eligible:
        return COUNT_REGRESSED
    passkey.sign_count, passkey.is_backed_up = signed.sign_count, signed.is_backed_up
    passkey.last_used_at = clock.now()
    return ""


def _check_user_handle(user_handle: object, passkey: Passkey, *, is_optional: bool) -> None:
    """Check that the authenticator names the account of its passkey (section 7.2, step 6)."""
    if user_handle is None and is_optional:
        return
    if user_handle != passkey.user_handle:
        raise PasskeyError("wrong_user_handle")
