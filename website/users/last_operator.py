"""The last operator: nobody takes the role, or the account, without saying that none is left."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models.user import User


class LastOperatorError(Exception):
    """Without this account no operator would be left."""


def keep_an_operator(session: Session, user_id: int, *, unless: bool = False) -> None:
    """Check, before an account stops being an operator, that another one is left. Raises :class:`LastOperatorError`.

    All operators are locked in one order: of two operators who dismiss each other at one moment, the second notices.
    Rows that name an account, such as an email's of a login under way, don't wait: that login has the subject, which
    the caller locks next.
    """
    if unless:
        return
    enabled = select(User.id).where(User.is_operator.is_(True), User.disabled_at.is_(None))
    if session.scalars(enabled.order_by(User.id).with_for_update(key_share=True)).all() == [user_id]:
        raise LastOperatorError
