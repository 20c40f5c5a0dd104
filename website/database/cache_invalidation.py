"""Cache invalidation across processes: counters in the database, read at most once a second, and what changed last.

Every change raises the counter of its kind, and a change of one client also writes which one. A counter's row is locked
until the transaction ends, so the numbers are in the order of the commits, without a gap and without a clock. A process
that finds a row for every number since its last look forgets those clients. If one is missing (it was away for long,
or a node of the former release made the change), it forgets them all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import cast

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ..models.change import Change
from ..models.client_change import ClientChange
from .background_read import GOOD_SECONDS, BackgroundRead
from .connection import Database
from .statement import Statement
from .tables import table_of

CLIENTS, KEYS, RESOURCES = "clients", "keys", "resources"
KINDS = (CLIENTS, KEYS, RESOURCES)
CHECK_SECONDS = 1.0
#: After this long without a look, everything is forgotten: the database may have been restored to an earlier state.
TRUSTED_SECONDS = 10.0
#: How many changes of clients the database remembers.
KEPT_CHANGES = 1000
#: Where a session keeps what it changed.
RECORDED = "recorded_changes"

#: Called with the row ids of the clients that changed, or ``None`` if anything of its kind may have.
Forget = Callable[[Collection[str] | None], None]

_change, _client_change = table_of(Change).c, table_of(ClientChange).c
READ_COUNTERS = Statement(
    select(*(func.coalesce(select(_change.counter).where(_change.kind == kind).scalar_subquery(), 0) for kind in KINDS))
)
READ_CHANGED_CLIENTS = Statement(
    select(_client_change.client).where(_client_change.number.between(bindparam("first"), bindparam("last")))
)


class Pause(threading.local):
    """Steps of one thread that must not fail: they use what was read a moment ago."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_error: object) -> None:
        self.depth -= 1


class CacheInvalidation:
    """Has the caches of this process forget what changed, here or on another node."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, list[Forget]] = {kind: [] for kind in KINDS}
        self._counters: dict[str, int] = {}
        self._checked = float("-inf")
        self._look = BackgroundRead(self._read_counters, may_hang=database.engine.dialect.name != "sqlite")
        #: ``with cache_invalidation.paused:`` a thread goes on with what is cached, and the database isn't read.
        self.paused = Pause()

    def on_change(self, kind: str, forget: Forget) -> None:
        """Register a function that drops what changed from a cache."""
        self._listeners[kind].append(forget)

    def check(self) -> None:
        """Read the counters unless they were read within the last second, which only costs a comparison.

        While the database is out of reach, the caches stay valid for a minute after the last response, so that requests
        which need nothing else from it are answered. After that, every request looks, and raises
        ``DatabaseUnavailableError`` until there is a response.
        """
        now = time.monotonic()
        is_due = now - self._checked >= CHECK_SECONDS or now - self._look.answered_at >= GOOD_SECONDS
        if is_due and not self.paused.depth:
            self._checked = now
            self._look.take()

    def check_now(self) -> None:
        """Read the counters, and forget what changed since the last look."""
        self._look.read()

    def _read_counters(self) -> None:
        is_recent = time.monotonic() - self._look.answered_at < TRUSTED_SECONDS
        former = self._counters if is_recent else {}
        self._counters = {}  # stays so if reading fails: then everything is forgotten next time
        self._database.keep_clock()
        row = self._database.one(READ_COUNTERS)
        counters = dict(zip(KINDS, row or (), strict=True))
        for kind, counter in counters.items():
            if counter != former.get(kind):
                self._tell(kind, self._find_changed(kind, former.get(kind), counter))
        self._counters = counters

    def _find_changed(self, kind: str, former: int | None, counter: int) -> Collection[str] | None:
        """Return the clients that the changes since ``former`` were of, or ``None`` if they aren't all known."""
        if kind != CLIENTS or former is None or not 0 < counter - former <= KEPT_CHANGES:
            return None
        rows = self._database.all(READ_CHANGED_CLIENTS, first=former + 1, last=counter)
        return {row[0] for row in rows} if len(rows) == counter - former else None

    def forget_recorded(self, session: Session) -> None:
        """Forget what a session recorded as changed, once it is committed, without waiting for the next look."""
        for kind, client in session.info.get(RECORDED, ()):
            self._tell(kind, None if client is None else (client,))

    def forget(self) -> None:
        """Forget everything."""
        for kind in KINDS:
            self._tell(kind, None)

    def _tell(self, kind: str, changed: Collection[str] | None) -> None:
        for forget in self._listeners[kind]:
            forget(changed)


def record_change(session: Session, kind: str, client: str | None = None) -> None:
    """Raise the counter of a kind in the transaction that changes it, with the row id of the client that changes.

    ``None`` means that any of the kind may change.
    """
    first = insert(Change).values(kind=kind, counter=1)
    # PostgreSQL's insert, whose SQL also works on SQLite, so that concurrent first inserts don't fail.
    raised = first.on_conflict_do_update(index_elements=["kind"], set_={"counter": Change.counter + 1})
    number = cast(int, session.scalar(raised.returning(Change.counter)))
    if client is not None:
        entry = insert(ClientChange).values(number=number, client=client)
        session.execute(entry.on_conflict_do_update(index_elements=["number"], set_={"client": client}))
        session.execute(delete(ClientChange).where(ClientChange.number <= number - KEPT_CHANGES))
    session.info.setdefault(RECORDED, []).append((kind, client))
