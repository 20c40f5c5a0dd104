"""Ending an account's login sessions together with its links, before a role or after a theft: others may have them."""

from __future__ import annotations

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from ..models.login_session import LoginSession
from ..models.user import User
from .ending_links import end_links
from .factor_requirements import subjects_of


def end_logins(session: Session, user_ids: Select[int]) -> None:
    """End the login sessions and one-time links of accounts, in a transaction that has locked the accounts."""
    session.execute(delete(LoginSession).where(LoginSession.subject.in_(subjects_of(user_ids))))
    end_links(session, user_ids)


def end_other_logins(session: Session, user_id: int, kept: str) -> None:
    """End the login sessions of an account apart from ``kept``, and its one-time links."""
    mine = LoginSession.subject.in_(subjects_of(select(User.id).where(User.id == user_id)))
    session.execute(delete(LoginSession).where(mine, LoginSession.id != kept))
    end_links(session, [user_id])
