"""Former signing keys, kept so that old ID tokens still work as hints."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from ..models.key import Key


def withdraw_keys(session: Session, now: int) -> None:
    """Move every signing key that no token needs at ``now`` to the former keys, and delete its private part."""
    session.execute(Key.keep_of_expired(now))
    session.execute(delete(Key).where(Key.is_former(now)))
