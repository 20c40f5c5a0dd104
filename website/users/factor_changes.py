"""Changes to the second factors of our own accounts: setting up, removing, requiring and resetting them."""

from __future__ import annotations

from sqlalchemy import Select, exists, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database, StaleLoginError
from ..database.ending_all_access import subject_of_user
from ..database.ending_weak_access import TWO_FACTOR_CLASSES, end_weak_devices, end_weak_sessions
from ..keys import KeyEncryption
from ..mail import Mail
from ..models.login_session import LoginSession
from ..models.passkey import Passkey
from ..models.recovery_code import RecoveryCode
from ..models.subject import Subject
from ..models.totp_secret import TotpSecret
from ..models.user import User
from ..settings import Settings
from .account_changes import end_account
from .ending_links import end_links
from .ending_logins import end_other_logins
from .factor_requirements import end_access_without_factor, lock_accounts
from .only_way_in import OnlyWayInError, has_one_way_in
from .passkey_verification import PasskeyError
from .passkeys import Passkeys
from .recovery_codes import remove_codes, replace_codes
from .relying_party import rp_id_of
from .totp import find_step, read_code
from .totp_secrets import TotpSecrets, TotpSetups
from .users_protocol import Account

TOTP = "totp"


class WrongCodeError(Exception):
    """A code that has to confirm something isn't the app's."""


class FactorExistsError(Exception):
    """The account has a second factor already: it has to be shown, and can't be set up."""


class LastFactorError(Exception):
    """The account needs a second factor, and this is the only one."""


class NoFactorError(Exception):
    """The account has no second factor that recovery codes could replace."""


class FactorChanges:
    """Changes to the second factors, each in one transaction with its event."""

    def __init__(
        self,
        database: Database,
        encryption: KeyEncryption,
        settings: Settings,
        audit: Audit,
        mail: Mail,
        passkeys: Passkeys,
    ) -> None:
        self._database = database
        self._settings = settings
        self._passkeys = passkeys
        self._audit = audit
        self._mail = mail
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
            end_weak_devices(session, _subjects_of(user_id))
            end_weak_sessions(session, _subjects_of(user_id), kept=login)
            end_links(session, [user_id])
        detail = {"user": user_id, "factor": factor}
        self._audit.add(session, "factor_added", subject=account.subject, detail=detail)
        if factor == TOTP:
            self._mail.add(session, "authenticator_app_added", user_id)
        return _first_codes(session, user_id)

    def add_passkey(self, account: Account, passkey: Passkey, challenge: bytes, login: str | None = None) -> list[str]:
        """Add a verified passkey, which answered ``challenge``; return the recovery codes made with a first factor.

        ``account`` and ``login`` are as for :meth:`add_totp`. Raises ``PasskeyError`` with the reason,
        :class:`FactorExistsError` and :class:`StaleLoginError`.
        """
        user_id, codes = int(account.id), list[str]()
        with self._database.writing() as session:
            self._lock(session, account, login)  # so that the passkeys are counted one request after another
            if login is None and self.has_any_in(session, user_id):
                raise FactorExistsError
            problem = self._passkeys.add(session, account.subject, passkey, challenge)
            if not problem:
                codes = _first_codes(session, user_id)
        if problem:  # after the commit: the challenge stays used
            raise PasskeyError(problem)
        return codes

    def remove_totp(self, account: Account, login: str) -> bool:
        """Remove the authenticator app of somebody logged in; tell whether there was one.

        Recovery codes go with the last factor. Raises :class:`LastFactorError` and :class:`StaleLoginError`.
        """
        with self._database.writing() as session:
            self._lock(session, account, login)
            return self.totp.remove(session, int(account.id)) and self.note_removed(session, account, TOTP)

    def note_removed(self, session: Session, account: Account, factor: str) -> bool:
        """Finish removing a factor in the caller's transaction, which has locked the account.

        Raises :class:`LastFactorError` if the account needs one and no other is left.
        """
        self._judge_removal(session, account)
        detail = {"user": int(account.id), "factor": factor}
        self._audit.add(session, "factor_removed", subject=account.subject, detail=detail)
        if factor == TOTP:
            self._mail.add(session, "authenticator_app_removed", int(account.id))
        return True

    def remove_passkey(self, account: Account, login: str, passkey_id: str) -> bool:
        """Remove a passkey of somebody logged in, who stays so here alone; tell whether there was one.

        Recovery codes go with the last factor. Raises :class:`LastFactorError`, :class:`StaleLoginError`, and
        :class:`~website.users.only_way_in.OnlyWayInError` if they couldn't log in any longer.
        """
        with self._database.writing() as session:
            self._lock(session, account, login)
            if self._has_passwords and has_one_way_in(session, int(account.id)):
                raise OnlyWayInError
            is_removed = self._passkeys.remove(session, int(account.id), passkey_id)
            if is_removed:
                self._judge_removal(session, account)
                end_other_logins(session, int(account.id), login)  # its device may be a thief's by now
                self._mail.add(session, "passkey_removed", int(account.id))
        return is_removed

    def is_only_way_in(self, user_id: str) -> bool:
        """Tell whether an account's passkey can't be removed, as there is neither another one nor a password."""
        with self._database.reading() as session:
            return self._has_passwords and has_one_way_in(session, int(user_id))

    @property
    def _has_passwords(self) -> bool:
        """Whether accounts have passwords: the demo's log in by their name."""
        return not self._settings.demo

    def _judge_removal(self, session: Session, account: Account) -> None:
        """Remove the recovery codes with the last factor that works. Raises :class:`LastFactorError` if it's needed."""
        user_id = int(account.id)
        has_passkey = bool(rp_id_of(self._settings)) and _has(session, Passkey, user_id)
        if not has_passkey and not _has(session, TotpSecret, user_id):
            if self.is_required_in(session, account.id):
                raise LastFactorError
            remove_codes(session, user_id)
            _set_asked(session, user_id, False)  # a passkey that is added later isn't asked for by itself

    def set_passkeys_asked(self, account: Account, login: str, is_asked: bool) -> list[str]:
        """Have a passkey asked for after the password from now on, or no longer, as somebody logged in wants.

        The account's login sessions below two factors end with it. Return recovery codes if there are none. Raises
        :class:`NoFactorError` if there is no passkey, and :class:`StaleLoginError`.
        """
        user_id = int(account.id)
        with self._database.writing() as session:
            self._lock(session, account, login)
            if is_asked and not _has(session, Passkey, user_id):
                raise NoFactorError
            if not _set_asked(session, user_id, is_asked):
                return []
            detail = {"user": user_id, "asked": is_asked}
            self._audit.add(session, "passkey_asking_changed", subject=account.subject, detail=detail)
            if not is_asked:
                return []
            end_weak_devices(session, _subjects_of(user_id))
            end_weak_sessions(session, _subjects_of(user_id))
            end_links(session, [user_id])
            return _first_codes(session, user_id)

    def replace_recovery_codes(self, account: Account, login: str) -> list[str]:
        """Return new recovery codes of somebody logged in; the former ones stop working, and nobody sees these again.

        Raises :class:`NoFactorError` and :class:`StaleLoginError`.
        """
        user_id = int(account.id)
        with self._database.writing() as session:
            self._lock(session, account, login)
            if not self.has_any_in(session, user_id):
                raise NoFactorError
            codes = replace_codes(session, user_id)
            self._audit.add(session, "recovery_codes_replaced", subject=account.subject, detail={"user": user_id})
            self._mail.add(session, "recovery_codes_created", user_id)
        return codes

    def reset(self, user_id: int, by: str | None = None) -> None:
        """Remove all second factors of an account, whose person has lost them, and end its logins and tokens.

        ``by`` is the subject of the operator, if a person does it.
        """
        with self._database.writing() as session:
            self.reset_in(session, user_id, by)

    def reset_in(self, session: Session, user_id: int, by: str | None) -> None:
        """Do the same in the caller's transaction."""
        lock_accounts(session, select(User.id).where(User.id == user_id))
        self.totp.remove(session, user_id)
        self._passkeys.remove_all(session, user_id)
        remove_codes(session, user_id)
        _set_asked(session, user_id, False)
        end_account(session, self._audit, user_id, "factors_reset", by)
        self._mail.add(session, "second_factors_reset", user_id)

    def set_required(self, user_id: int, is_required: bool, by: str | None = None) -> bool:
        """Require a second factor of an account, or no longer; return whether that changed anything.

        What it was given for less than two factors ends: login sessions, codes and grants.
        """
        account = select(User.id).where(User.id == user_id)
        with self._database.writing() as session:
            lock_accounts(session, account)
            changed = update(User).where(User.id == user_id, User.requires_factor.is_not(is_required))
            if session.scalar(changed.values(requires_factor=is_required).returning(User.id)) is None:
                return False
            if is_required:
                end_access_without_factor(session, account)
            subject = subject_of_user(session, str(user_id))
            detail = {"user": user_id, "required": is_required}
            self._audit.add(session, "factor_requirement_changed", actor=by, subject=subject, detail=detail)
        return True

    def has_any_in(self, session: Session, user_id: int) -> bool:
        """Tell in the caller's transaction whether an account has a second factor."""
        return _has(session, TotpSecret, user_id) or _has(session, Passkey, user_id)

    def is_required_in(self, session: Session, user_id: str) -> bool:
        """Tell in the caller's transaction whether an account needs a second factor."""
        raise NotImplementedError

    def _lock(self, session: Session, account: Account, login: str | None) -> None:
        """Lock an account until the transaction ends, for a change of its factors by a login session.

        Raises :class:`StaleLoginError` if the account or its login was ended, or if the login was given for less than
        the factors that there are: the password alone must not add, replace or remove one.
        """
        mine = select(Subject.token_epoch).where(Subject.subject == account.subject)
        epoch = session.scalar(mine.with_for_update())
        if epoch is None or epoch != account.epoch:
            raise StaleLoginError
        if login is None:
            return
        row = session.execute(select(LoginSession.acr).where(LoginSession.id == login)).one_or_none()
        if row is None or (row.acr not in TWO_FACTOR_CLASSES and self.has_any_in(session, int(account.id))):
            raise StaleLoginError


def _has(session: Session, model: type[TotpSecret | Passkey | RecoveryCode], user_id: int) -> bool:
    return bool(session.scalar(select(exists().where(model.user_id == user_id))))


def _set_asked(session: Session, user_id: int, is_asked: bool) -> bool:
    """Have passkeys asked for after the password, or not; tell whether that changed anything."""
    changed = update(User).where(User.id == user_id, User.asks_second_factor.is_not(is_asked))
    return session.scalar(changed.values(asks_second_factor=is_asked).returning(User.id)) is not None


def _first_codes(session: Session, user_id: int) -> list[str]:
    """Return new recovery codes for an account that has none, else nothing."""
    return [] if _has(session, RecoveryCode, user_id) else replace_codes(session, user_id)


def _subjects_of(user_id: int) -> Select[str]:
    return select(Subject.subject).where(Subject.user_id == str(user_id))
