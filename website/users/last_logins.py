"""When our own users last logged in: their latest login among the security events, as far back as those are kept."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, String, and_, cast, func, literal_column, select

from ..database import Database
from ..database.portions import in_portions
from ..models.event import Event
from ..models.subject import Subject
from ..models.user import User

#: For :func:`has_no_login_since`: no login that is known, however long ago.
EVER = 0
#: By literals, as only then databases use the index of logins.
_is_login = and_(
    Event.subject == Subject.subject,
    Event.event == literal_column("'login'"),
    Event.outcome == literal_column("'success'"),
)


def find_last_logins(database: Database, user_ids: Sequence[int]) -> dict[int, int]:
    """Return when each of these users last logged in, in seconds since the epoch, by id; none without a login."""
    latest = select(Subject.user_id, func.max(Event.occurred_at)).join(Event, _is_login).group_by(Subject.user_id)
    found: dict[int, int] = {}
    with database.reading() as session:
        for portion in in_portions([str(user_id) for user_id in user_ids]):
            rows = session.execute(latest.where(Subject.user_id.in_(portion)))
            found |= {int(user_id): moment for user_id, moment in rows}
    return found


def has_no_login_since(moment: int) -> ColumnElement[bool]:
    """Return the condition for users who existed at a time and haven't logged in since; with ``EVER``, never did.

    Disabled ones can't, so they are left out.
    """
    is_recent = select(Event.id).join(Subject, _is_login).where(Subject.user_id == cast(User.id, String))
    has_none = and_(~is_recent.where(Event.occurred_at >= moment).exists(), User.disabled_at.is_(None))
    return has_none if moment == EVER else and_(has_none, User.created_at < moment)
