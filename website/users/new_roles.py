"""Accounts that get a role: logins and links that they had before, perhaps somebody else's, end with it."""

from __future__ import annotations

from sqlalchemy import Select, delete
from sqlalchemy.orm import Session

from ..models.login_session import LoginSession
from .factor_requirements import subjects_of
from .one_time_links import end_links


def end_logins(session: Session, user_ids: Select[int]) -> None:
    """End the login sessions and one-time links of accounts, in a transaction that has locked the accounts.

    Who may make a link for somebody without a role may have logged in as them, and must not stay logged in as somebody
    with one. Passwords and second factors stay.
    """
    session.execute(delete(LoginSession).where(LoginSession.subject.in_(subjects_of(user_ids))))
    end_links(session, user_ids)
