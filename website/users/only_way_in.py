"""The only way in to an account: its last passkey, where it has no password."""

from __future__ import annotations

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from ..models.passkey import Passkey
from ..models.user import User


class OnlyWayInError(Exception):
    """Without this passkey the person couldn't log in any longer."""


def has_one_way_in(session: Session, user_id: int) -> bool:
    """Tell whether an account has one passkey and no password."""
    count = select(func.count()).where(Passkey.user_id == user_id).scalar_subquery()
    without_password = exists().where(User.id == user_id, User.password_hash.is_(None))
    return bool(session.scalar(select(without_password & (count == 1))))
