"""The authenticator apps of accounts: their secrets, under the key-encryption key, and codes, each accepted once."""

from __future__ import annotations

import os

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from .. import base64url, clock
from ..audit import Audit
from ..database import Database, Statement
from ..database.tables import table_of
from ..keys import KeyEncryption
from ..logs import get_logger
from ..models.totp_secret import TotpSecret
from ..settings import SettingsError
from .totp import SECRET_BYTES, find_step
from .users_protocol import Account

_secrets = table_of(TotpSecret)
_row = _secrets.c
READ_SECRET = Statement(select(_row.encrypted_secret).where(_row.user_id == bindparam("user_id_")))
#: Accepts the code of a time step, once: neither that step nor an earlier one is accepted again (section 5.2).
CLAIM_STEP = Statement(
    update(_secrets)
    .where(_row.user_id == bindparam("user_id_"), _row.last_step < bindparam("step"))
    .values(last_step=bindparam("step"))
    .returning(_row.last_step)
)
#: How long a person may take to put a secret into an app.
SETUP_SECONDS = 3600
log = get_logger("grantwright.second_factors")


class TotpSecrets:
    """The authenticator apps in one database."""

    def __init__(self, database: Database, encryption: KeyEncryption, audit: Audit) -> None:
        self._database = database
        self._encryption = encryption
        self._audit = audit

    def accept(self, user_id: int, code: str) -> bool:
        """Accept a code of the account's app, once; tell whether it was right."""
        secret = self._read(user_id)
        step = None if secret is None else find_step(secret, code, clock.now())
        return step is not None and self._database.write_one(CLAIM_STEP, user_id_=user_id, step=step) is not None

    def _read(self, user_id: int) -> bytes | None:
        row = self._database.one(READ_SECRET, user_id_=user_id)
        if row is None:
            return None
        try:
            return self._encryption.decrypt(bytes(row[0]), _name_of(user_id))
        except SettingsError:
            log.error("an authenticator app's secret can't be decrypted with the configured keys", user=user_id)
            return None

    def add(self, session: Session, user_id: int, secret: bytes, step: int) -> None:
        """Add an account's app in the caller's transaction; ``step`` is that of the code that confirmed it."""
        encrypted = self._encryption.encrypt(secret, _name_of(user_id))
        session.add(TotpSecret(user_id=user_id, encrypted_secret=encrypted, created_at=clock.now(), last_step=step))

    def remove(self, session: Session, user_id: int) -> bool:
        """Remove an account's app in the caller's transaction; tell whether there was one."""
        removed = delete(TotpSecret).where(TotpSecret.user_id == user_id).returning(TotpSecret.user_id)
        return session.scalar(removed) is not None

    def reencrypt(self) -> int:
        """Re-encrypt every secret with the first key-encryption key; return how many.

        Raises :class:`SettingsError` if one can't be decrypted; then none was changed.
        """
        with self._database.writing() as session:
            rows = session.scalars(select(TotpSecret)).all()
            for row in rows:
                secret = self._encryption.decrypt(row.encrypted_secret, _name_of(row.user_id))
                row.encrypted_secret = self._encryption.encrypt(secret, _name_of(row.user_id))
            if rows:
                self._audit.add(session, "keys_reencrypted", detail={"authenticator_apps": len(rows)})
        return len(rows)


def _name_of(user_id: int) -> str:
    """Return the name that a secret's ciphertext is bound to, so that no account's row works for another."""
    return f"totp:{user_id}"


class TotpSetups:
    """New secrets on their way to an app and back: sealed in the form, stored nowhere until a code confirms them."""

    def __init__(self, encryption: KeyEncryption) -> None:
        self._encryption = encryption

    def seal(self, account: Account, secret: bytes | None = None) -> tuple[bytes, str]:
        """Return a secret, by default a new one, and its form that :meth:`open` takes for the same account."""
        secret = secret or os.urandom(SECRET_BYTES)
        until = (clock.now() + SETUP_SECONDS).to_bytes(8, "big")
        return secret, base64url.encode(self._encryption.encrypt(until + secret, _name_of_setup(account)))

    def open(self, account: Account, sealed: str) -> bytes | None:
        """Return the secret, unless the form was opened too long ago or for another account."""
        try:
            opened = self._encryption.decrypt(base64url.decode(sealed) or b"", _name_of_setup(account))
        except (SettingsError, ValueError):
            return None
        return opened[8:] if int.from_bytes(opened[:8], "big") > clock.now() else None


def _name_of_setup(account: Account) -> str:
    return f"totp setup:{account.id}"
