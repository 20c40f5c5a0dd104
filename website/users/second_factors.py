"""The second factors of our own accounts: which there are, whether they are asked for, and showing one.

Authenticator apps and passkeys are second factors; a recovery code replaces a lost one, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import Session

from ..audit import FAILURE, REFUSED, Audit
from ..database import Database, Row, Statement, Writer
from ..database.tables import table_of
from ..keys import KeyEncryption
from ..mail import Mail
from ..models.group import Group, Membership
from ..models.passkey import Passkey
from ..models.recovery_code import RecoveryCode
from ..models.totp_secret import TotpSecret
from ..models.user import User
from ..settings import Settings
from .account_managers import manages_accounts
from .factor_changes import FactorChanges
from .login_throttle import FACTOR, LoginThrottle, keys_of
from .passkeys import Passkeys
from .recovery_codes import FEW, claim_code
from .totp import read_code
from .usernames import username_key
from .users_protocol import Account

_user, _totp, _code = table_of(User).c, table_of(TotpSecret).c, table_of(RecoveryCode).c
_passkey = table_of(Passkey).c
_group, _membership = table_of(Group).c, table_of(Membership).c
_is_required_by_group = exists().where(
    _membership.user_id == _user.id, _group.id == _membership.group_id, _group.requires_factor.is_(True)
)
_QUERY = select(
    exists().where(_totp.user_id == _user.id),
    select(func.count()).where(_passkey.user_id == _user.id).scalar_subquery(),
    select(func.count()).where(_code.user_id == _user.id).scalar_subquery(),
    _user.requires_factor,
    _is_required_by_group,
    _user.asks_second_factor,
    manages_accounts,
    _user.password_change_required,
).where(_user.id == bindparam("id_"))
READ_FACTORS = Statement(_QUERY)
#: Wrong codes are counted apart from wrong passwords: the right password doesn't reset them.
PURPOSE = "second factor"


@dataclass(frozen=True, slots=True)
class Factors:
    """The second factors of an account, and what else a login depends on."""

    has_totp: bool = False
    passkeys: int = 0
    #: Unused ones. Each replaces a lost factor once; without one they mean nothing.
    recovery_codes: int = 0
    #: Whether the account can't be used without one.
    are_required: bool = False
    #: Whether the person wants their passkeys to be asked for after the password.
    wants_passkeys_asked: bool = False
    #: Whether the password only lets them set a new one.
    must_change_password: bool = False

    @property
    def has_any(self) -> bool:
        """Whether there is one that could be asked for."""
        return self.has_totp or self.passkeys > 0

    @property
    def are_running_out(self) -> bool:
        """Whether the person should make new recovery codes."""
        return self.has_any and self.recovery_codes <= FEW

    @property
    def are_asked(self) -> bool:
        """Whether a login needs one: it has to be set up first where there is none."""
        return self.are_required or self.has_totp or (self.wants_passkeys_asked and self.passkeys > 0)


NO_FACTORS = Factors()


class SecondFactors(FactorChanges):
    """The second factors of one server's own accounts."""

    def __init__(
        self,
        database: Database,
        encryption: KeyEncryption,
        settings: Settings,
        audit: Audit,
        mail: Mail,
        throttle: LoginThrottle | None,
        passkeys: Passkeys,
    ) -> None:
        super().__init__(database, encryption, settings, audit, mail, passkeys)
        self._throttle = throttle

    def find(self, user_id: str) -> Factors:
        """Return the factors of an account, by one statement."""
        return self._factors_in(self._database.one(READ_FACTORS, id_=int(user_id)))

    def find_in(self, transaction: Writer, user_id: str) -> Factors:
        """Return them in the caller's transaction."""
        return self._factors_in(transaction.one(READ_FACTORS, id_=int(user_id)))

    def is_required_in(self, session: Session, user_id: str) -> bool:
        row = session.execute(_QUERY, {"id_": int(user_id)}).one_or_none()
        return self._factors_in(row and tuple(row)).are_required

    def _factors_in(self, row: Row | None) -> Factors:
        if row is None:
            return NO_FACTORS
        has_totp, passkeys, recovery_codes, is_required, is_required_by_group, asks, manages, must_change = row
        required_of_role = bool(manages) and self._settings.operators_need_second_factor
        required = bool(is_required) or bool(is_required_by_group) or required_of_role
        return Factors(bool(has_totp), passkeys, recovery_codes, required, bool(asks), bool(must_change))

    def show_code(self, account: Account, typed: str, browser: str) -> bool:
        """Accept a code of the account's authenticator app, once; tell whether it was right.

        ``browser`` identifies a browser in which the account has logged in before. Raises ``TooManyTriesError`` without
        looking at the code.
        """
        keys = self._count_try(account, browser)
        code = read_code(typed)
        is_right = bool(code) and self.totp.accept(int(account.id), code)
        self._settle(account, keys, is_right)
        return is_right

    def use_recovery_code(self, account: Account, typed: str, browser: str) -> bool:
        """Use up one of the account's recovery codes; tell whether it was one. Raises ``TooManyTriesError``."""
        keys = self._count_try(account, browser)
        with self._database.write() as writer:
            is_right = claim_code(writer, int(account.id), typed)
            if is_right:
                self._audit.add(writer, "recovery_code_used", subject=account.subject, detail={"user": int(account.id)})
                self._mail.add(writer, "recovery_code_used", int(account.id))
        self._settle(account, keys, is_right)
        return is_right

    def _count_try(self, account: Account, browser: str) -> dict[str, str]:
        """Count a wrong code before looking at it; return what was counted.

        It is counted as a wrong password is, and for the account in any case: somebody who knows the password can have
        as many known browsers as they like.
        """
        name = username_key(account.username)
        keys = keys_of(name, browser) | {FACTOR: name}
        waiting = self._throttle.count_try(keys, PURPOSE) if self._throttle is not None else []
        if waiting:  # recorded once, as rejected attempts write nothing
            self._note(account, REFUSED, {"by": waiting})
        return keys

    def _settle(self, account: Account, keys: dict[str, str], is_right: bool) -> None:
        if not is_right:
            self._note(account, FAILURE)
        elif self._throttle is not None:
            self._throttle.forgive(keys, PURPOSE)

    def _note(self, account: Account, outcome: str, detail: dict[str, Any] | None = None) -> None:
        self._audit.record("second_factor_failed", outcome, actor="", subject=account.subject, detail=detail)
