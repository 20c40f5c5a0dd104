"""Accounts that need a second factor from now on: what they were given for less ends in the same transaction.

Lock the accounts first, before anything else of them: a login under way has read the former requirement, and waits.
"""

from __future__ import annotations

from sqlalchemy import Select, String, cast, select
from sqlalchemy.orm import Session

from ..database.ending_weak_access import end_weak_access, lock_subjects
from ..models.subject import Subject
from .ending_links import end_links


def lock_accounts(session: Session, user_ids: Select[int]) -> None:
    """Lock accounts until the caller's transaction ends; later logins see what it has changed."""
    lock_subjects(session, subjects_of(user_ids))


def end_access_without_factor(session: Session, user_ids: Select[int]) -> None:
    """End the accounts' login sessions, codes and grants below two factors, and the links that they had sent.

    In a transaction that has locked the accounts.
    """
    end_weak_access(session, subjects_of(user_ids))
    end_links(session, user_ids)


def subjects_of(user_ids: Select[int]) -> Select[str]:
    """Return the query for the subjects of accounts."""
    chosen = user_ids.subquery()
    return select(Subject.subject).where(Subject.user_id.in_(select(cast(chosen.c[0], String))))
