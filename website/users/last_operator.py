"""The last operator: nobody takes the role, or the account, without saying that none is left."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models.user import User

#: PostgreSQL's advisory lock for the turn; any number that nothing else in the database locks.
TURN = 7_143_022_511_001


class LastOperatorError(Exception):
    """Without this account no operator would be left."""


def keep_an_operator(session: Session, user_id: int, *, unless: bool = False) -> None:
    """Check, before an account stops being an operator, that another one is left. Raises :class:`LastOperatorError`.

    Such changes take turns, each until its end: of two operators who dismiss each other at one moment, the second
    notices. On SQLite, every write waits for its turn anyway. No account is locked: the caller locks its own, in the
    order of every change, the subject first.
    """
    if unless:
        return
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(TURN)))
    enabled = select(User.id).where(User.is_operator.is_(True), User.disabled_at.is_(None))
    if session.scalars(enabled).all() == [user_id]:
        raise LastOperatorError
