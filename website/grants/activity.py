"""What clients did lately: counting it, and reading it for their owners and operators."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, String, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from .. import clock
from ..clients import Client
from ..database import Database, Statement
from ..database.tables import table_of
from ..models.client import OAuth2Client
from ..models.client_activity import ClientActivity as Row
from ..settings import Settings
from .activity_counts import ActivityCounts, Counted
from .connected_people import ConnectedPeople, people_of

#: What is counted beside the grant types for which tokens are issued.
INTROSPECTION, FAILED_AUTHENTICATION = "introspection", "failed_authentication"
WEEK_SECONDS = 7 * 86400

_clients, _rows = table_of(OAuth2Client).c, table_of(Row)
_insert = insert(_rows).from_select(
    ["client", "began_at", "kind", "total"],
    # Nothing is inserted for a client that was deleted meanwhile; the lock only applies to PostgreSQL.
    select(
        _clients.id,
        bindparam("began_at_", type_=BigInteger),
        bindparam("kind_", type_=String),
        bindparam("total_", type_=BigInteger),
    )
    .where(_clients.id == bindparam("client_"))
    .with_for_update(read=True, key_share=True),
)
#: The same SQL on SQLite and PostgreSQL: the counts of several processes add up.
ADD_COUNT = Statement(
    _insert.on_conflict_do_update(
        index_elements=["client", "began_at", "kind"], set_={"total": _rows.c.total + _insert.excluded.total}
    )
)


@dataclass(frozen=True, slots=True)
class ClientActivity:
    """What one client did in the last seven days, and who is connected to it."""

    #: The beginning of the last hour in which it got tokens or introspected one; ``None`` if that isn't known.
    last_used_at: int | None
    #: How often tokens were issued to it, by grant type.
    issued: Mapping[str, int]
    introspections: int
    failed_authentications: int
    people: ConnectedPeople

    @property
    def tokens_this_week(self) -> int:
        """Return how often tokens were issued to it in all."""
        return sum(self.issued.values())


class Activity:
    """The activity of one database's clients. A request only counts in memory: see :mod:`.activity_counts`."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        #: Whether anything is counted at all.
        self.is_on = bool(settings.activity_seconds)
        self.counts = ActivityCounts(self._write)
        #: Counts something that a client, named by its row id, did now: a grant type with tokens, or another kind.
        self.count: Callable[[str, str], None] = self.counts.add if self.is_on else _ignore

    def _write(self, counts: Mapping[Counted, int]) -> None:
        with self._database.write() as writer:
            for (client, began_at, kind), total in counts.items():
                writer.run(ADD_COUNT, client_=client, began_at_=began_at, kind_=kind, total_=total)

    def activity_of(self, client: Client) -> ClientActivity:
        """Return what a client did in the last seven days; other processes' last minute may be missing."""
        since = clock.now() - WEEK_SECONDS
        query = select(Row.kind, func.sum(Row.total)).where(Row.client == client.id, Row.began_at >= since)
        with self._database.reading() as session:
            totals = {kind: int(total) for kind, total in session.execute(query.group_by(Row.kind))}
        for counted, total in self.counts.copy({client.id}).items():
            totals[counted.kind] = totals.get(counted.kind, 0) + total
        last_used_at = self.last_used_of([client]).get(client.id)
        introspections, failures = totals.pop(INTROSPECTION, 0), totals.pop(FAILED_AUTHENTICATION, 0)
        people = people_of(self._database, client.id)
        return ClientActivity(last_used_at, totals, introspections, failures, people)

    def last_used_of(self, clients: Iterable[Client]) -> dict[str, int]:
        """Return when clients were last used, by row id: the beginning of an hour; without those never used."""
        ids = {client.id for client in clients}
        last_used_at = (
            select(Row.began_at)
            .where(Row.client == OAuth2Client.id, Row.kind != FAILED_AUTHENTICATION)
            .order_by(Row.began_at.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = select(OAuth2Client.id, last_used_at).where(OAuth2Client.id.in_(ids))
        with self._database.reading() as session:
            found = {client: hour for client, hour in session.execute(query) if hour is not None}
        for counted in self.counts.copy(ids):
            if counted.kind != FAILED_AUTHENTICATION:
                found[counted.client] = max(found.get(counted.client, 0), counted.began_at)
        return found


def _ignore(_client: str, _kind: str) -> None:
    """Count nothing."""
