"""Recovery codes: ten per account, shown once, each of which replaces a lost second factor once."""

from __future__ import annotations

import secrets

from sqlalchemy import bindparam, delete
from sqlalchemy.orm import Session

from .. import clock
from ..database import Statement, Writer
from ..database.tables import table_of
from ..identifiers import hash_secret
from ..models.recovery_code import RecoveryCode

_codes = table_of(RecoveryCode)
_row = _codes.c
#: Uses a code up.
CLAIM_CODE = Statement(
    delete(_codes)
    .where(_row.user_id == bindparam("user_id_"), _row.code_hash == bindparam("code_hash_"))
    .returning(_row.created_at)
)

CODES = 10
#: With this many left or fewer, the account page says so.
FEW = 3
#: Letters and digits that nobody confuses: 16 of them are 80 random bits, so SHA-256 is enough.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz023456789"
CHARACTERS, GROUP = 16, 4


def new_recovery_codes() -> list[str]:
    """Return ten new codes as people see them, in groups."""
    return [_in_groups("".join(secrets.choice(_ALPHABET) for _ in range(CHARACTERS))) for _ in range(CODES)]


def replace_codes(session: Session, user_id: int) -> list[str]:
    """Give an account new codes in the caller's transaction, and return them; the former ones stop working."""
    remove_codes(session, user_id)
    codes, now = new_recovery_codes(), clock.now()
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_hash_of(code), created_at=now) for code in codes)
    return codes


def remove_codes(session: Session, user_id: int) -> None:
    """Remove an account's codes in the caller's transaction."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


def claim_code(writer: Writer, user_id: int, typed: str) -> bool:
    """Use a typed code up in the caller's transaction; tell whether it was one of the account's."""
    return writer.one(CLAIM_CODE, user_id_=user_id, code_hash_=_hash_of(typed)) is not None


def _in_groups(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, CHARACTERS, GROUP))


def _hash_of(code: str) -> str:
    """Return the stored hash of a code, however it was typed: capitals, spaces and hyphens don't matter."""
    return hash_secret("".join(character for character in code.lower() if character.isalnum()))
