"""When our own users last logged in: their latest login among the security events, as far back as those are kept."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, String, and_, cast, func, select

from ..audit import SUCCESS
from ..database import Database
from ..models.event import Event
from ..models.subject import Subject
from ..models.user import User

#: For :func:`has_no_login_since`: no login that is known, however long ago.
EVER = 0
_is_login = and_(Event.subject == Subject.subject, Event.event == "login", Event.outcome == SUCCESS)


def find_last_logins(database: Database, user_ids: Collection[int]) -> dict[int, int]:
    """Return when each of these users last logged in, in seconds since the epoch, by id; none without a login."""
    query = select(Subject.user_id, func.max(Event.occurred_at)).join(Event, _is_login)
    query = query.where(Subject.user_id.in_([str(user_id) for user_id in user_ids])).group_by(Subject.user_id)
    with database.reading() as session:
        return {int(user_id): moment for user_id, moment in session.execute(query)}


def has_no_login_since(moment: int) -> ColumnElement[bool]:
    """Return the condition for users who existed at a time and haven't logged in since; with ``EVER``, never did."""
    is_recent = select(Event.id).join(Subject, _is_login).where(Subject.user_id == cast(User.id, String))
    has_none = ~is_recent.where(Event.occurred_at >= moment).exists()
    return has_none if moment == EVER else and_(has_none, User.created_at < moment)
