"""Changes to the second factors of our own accounts: setting up, removing, requiring and resetting them."""

from __future__ import annotations

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database, StaleLoginError
from ..database.ending_weak_access import end_weak_sessions
from ..keys import KeyEncryption
from ..models.login_session import LoginSession
from ..models.passkey import Passkey
from ..models.recovery_code import RecoveryCode
from ..models.subject import Subject
from ..models.totp_secret import TotpSecret
from .protocols import Account
from .recovery_codes import replace_codes
from .totp import find_step, read_code
from .totp_secrets import TotpSecrets, TotpSetups

TOTP = "totp"


class WrongCodeError(Exception):
    """A code that has to confirm something isn't the app's."""


class FactorExistsError(Exception):
    """The account has a second factor already: it has to be shown, and can't be set up."""


class FactorChanges:
    """Changes to the second factors, each in one transaction with its event."""

    def __init__(self, database: Database, encryption: KeyEncryption, audit: Audit) -> None:
        self._database = database
        self._audit = audit
        self.totp = TotpSecrets(database, encryption, audit)
        self.setups = TotpSetups(encryption)

    def add_totp(self, account: Account, secret: bytes, typed: str, login: str | None = None) -> list[str]:
        """Set up an authenticator app that shows a code; return the recovery codes made with a first factor.

        ``account`` has its subject and epoch. ``login`` is the session of a person who is logged in: the others below
        two factors end. Without it, only a first factor can be set up, before the person is logged in.

        Raises :class:`WrongCodeError`, :class:`FactorExistsError`, and :class:`StaleLoginError` if the account or its
        login was ended meanwhile.
        """
        code, user_id = read_code(typed), int(account.id)
        step = find_step(secret, code, clock.now()) if code else None
        if step is None:
            raise WrongCodeError
        with self._database.writing() as session:
            self._lock(session, account, login)
            if _has(session, TotpSecret, user_id) or (login is None and self.has_any_in(session, user_id)):
                raise FactorExistsError
            self.totp.add(session, user_id, secret, step)
            return self.note_added(session, account, TOTP, login)

    def note_added(self, session: Session, account: Account, factor: str, login: str | None) -> list[str]:
        """Finish setting up a factor in the caller's transaction, which has locked the account.

        Returns new recovery codes if the account has none.
        """
        user_id = int(account.id)
        if factor == TOTP:  # it is asked for from now on
            end_weak_sessions(session, _subjects_of(user_id), kept=login)
        codes = [] if _has(session, RecoveryCode, user_id) else replace_codes(session, user_id)
        detail = {"user": user_id, "factor": factor}
        self._audit.add(session, "factor_added", subject=account.subject, detail=detail)
        return codes

    def has_any_in(self, session: Session, user_id: int) -> bool:
        """Tell in the caller's transaction whether an account has a second factor."""
        return _has(session, TotpSecret, user_id) or _has(session, Passkey, user_id)

    def _lock(self, session: Session, account: Account, login: str | None) -> None:
        """Lock an account until the transaction ends. Raises :class:`StaleLoginError` if it or its login was ended."""
        mine = select(Subject.token_epoch).where(Subject.subject == account.subject)
        epoch = session.scalar(mine.with_for_update())
        if epoch is None or epoch != account.epoch:
            raise StaleLoginError
        if login is not None and session.scalar(select(LoginSession.id).where(LoginSession.id == login)) is None:
            raise StaleLoginError


def _has(session: Session, model: type[TotpSecret | Passkey | RecoveryCode], user_id: int) -> bool:
    return bool(session.scalar(select(exists().where(model.user_id == user_id))))


def _subjects_of(user_id: int) -> Select[str]:
    return select(Subject.subject).where(Subject.user_id == str(user_id))
