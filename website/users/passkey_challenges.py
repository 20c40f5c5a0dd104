"""The challenges of passkeys: each is answered once. Only answered ones are stored."""

from __future__ import annotations

import hashlib

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from .. import clock
from ..models.used_challenge import UsedChallenge
from .passkey_options import CHALLENGE_SECONDS


def use_up(session: Session, challenge: bytes) -> bool:
    """Use up a challenge; return true for the first caller on all nodes only."""
    digest = hashlib.sha256(challenge).hexdigest()
    # It can't be answered after CHALLENGE_SECONDS, by the clock of any node.
    expires_at = clock.now() + CHALLENGE_SECONDS + 2 * clock.SKEW_SECONDS
    claimed = insert(UsedChallenge).values(digest=digest, expires_at=expires_at).on_conflict_do_nothing()
    return session.scalar(claimed.returning(UsedChallenge.digest)) is not None
