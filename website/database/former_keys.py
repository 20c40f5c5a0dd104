"""Former signing keys: how a key that has left the key set is kept, so that old ID tokens still work as hints."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ..models.former_key import FormerKey
from ..models.key import RETIRED, SIGNING, Key


def copy_former_keys(session: Session, now: int) -> None:
    """Copy the public part of every signing key that no token needs at ``present``. Safe to repeat."""
    over = select(Key.id, Key.algorithm, Key.public_jwk, Key.expires_at).where(*_is_over(now))
    # The dialect's own class, whose SQL is SQLite's too.
    copied = insert(FormerKey).from_select(["id", "algorithm", "public_jwk", "withdrawn_at"], over)
    session.execute(copied.on_conflict_do_nothing())


def withdraw_keys(session: Session, now: int) -> None:
    """Move every signing key that no token needs at ``present`` to the former keys: its private part is deleted."""
    copy_former_keys(session, now)
    session.execute(delete(Key).where(*_is_over(now)))


def _is_over(now: int) -> tuple[ColumnElement[bool], ...]:
    return Key.purpose == SIGNING, Key.state == RETIRED, Key.expires_at <= now, Key.public_jwk.is_not(None)
