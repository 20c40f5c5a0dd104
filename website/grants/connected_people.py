"""The people who are connected to a client: those who allowed it something, or have tokens at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select, union_all

from .. import clock
from ..database import Database
from ..models.client import OAuth2Client
from ..models.consent import Consent
from ..models.grant import Grant
from ..models.subject import Subject

#: How many consents, and how many grants, are looked at, so that a large client's page stays quick.
MAX_LOOKED_AT = 10_000
#: How many of them are listed.
MAX_LISTED = 20


@dataclass(frozen=True, slots=True)
class ConnectedPerson:
    """A person, and when they last allowed the client something or logged in there."""

    subject: str
    #: The users table's own id.
    user_id: str
    connected_at: int


@dataclass(frozen=True, slots=True)
class ConnectedPeople:
    """The people who are connected to a client."""

    count: int
    #: Whether there may be more: then the list isn't complete either.
    is_more: bool
    #: Those who connected last, latest first.
    latest: tuple[ConnectedPerson, ...]

    @property
    def last_connected_at(self) -> int | None:
        return self.latest[0].connected_at if self.latest else None


def people_of(database: Database, client: str) -> ConnectedPeople:
    """Return the people connected to a client, by its row id."""
    now = clock.now()
    epoch = select(OAuth2Client.token_epoch).where(OAuth2Client.id == client).scalar_subquery()
    consents = select(Consent.subject, Consent.granted_at.label("connected_at")).where(
        Consent.client == client, Consent.expires_at > now
    )
    grants = select(Grant.subject, Grant.created_at.label("connected_at")).where(
        Grant.client == client, Grant.revoked_at.is_(None), Grant.expires_at > now, Grant.is_of_epoch(epoch)
    )
    connected = union_all(_limited(consents), _limited(grants)).subquery()
    last, looked_at = func.max(connected.c.connected_at), func.sum(func.count()).over()
    query = (
        select(connected.c.subject, Subject.user_id, last, func.count().over(), looked_at)
        .join(Subject, Subject.subject == connected.c.subject)
        .group_by(connected.c.subject, Subject.user_id)
        .order_by(last.desc(), connected.c.subject)
        .limit(MAX_LISTED)
    )
    with database.reading() as session:
        rows = session.execute(query).all()
    if not rows:
        return ConnectedPeople(0, False, ())
    latest = tuple(ConnectedPerson(subject, user_id, connected_at) for subject, user_id, connected_at, *_totals in rows)
    *_person, count, total = rows[0]
    return ConnectedPeople(count, total >= MAX_LOOKED_AT, latest)


def _limited(rows: Select[str, int]) -> Select[Any, Any]:
    """Return so many rows that the union of two such lists is short, in a form that SQLite takes in a union."""
    limited = rows.limit(MAX_LOOKED_AT).subquery()
    return select(limited.c.subject, limited.c.connected_at)
