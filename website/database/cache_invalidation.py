"""Cache invalidation across processes: a counter in the database, read at most once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ..models.change import Change
from .bounded_look import BoundedLook
from .connection import Database
from .statement import Statement

READ_CHANGES = Statement(select(func.coalesce(func.sum(Change.counter), 0)))

CLIENTS, KEYS = "clients", "keys"
CHECK_SECONDS = 1.0


class Pause(threading.local):
    """Steps of one thread that must not fail: they use what was read a moment ago."""

    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_error: object) -> None:
        self.depth -= 1


class CacheInvalidation:
    """Clears the caches of this process when clients or keys change, here or on another node."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []
        self._counter: int | None = None
        self._checked = float("-inf")
        self._look = BoundedLook(self.check_now, may_hang=database.engine.dialect.name != "sqlite")
        #: ``with cache_invalidation.paused:`` a thread goes on with what is cached, and the database isn't read.
        self.paused = Pause()

    def on_change(self, forget: Callable[[], None]) -> None:
        """Register a function that clears a cache."""
        self._listeners.append(forget)

    def check(self) -> None:
        """Read the counter unless it was read within the last second, which only costs a comparison.

        While the database is out of reach, the caches stay valid for a minute after the last response, so that requests
        which need nothing else from it are answered. Raises ``DatabaseUnavailableError`` after that.
        """
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS and not self.paused.depth:
            self._checked = now
            self._look.take()

    def check_now(self) -> None:
        """Read the counter."""
        row = self._database.one(READ_CHANGES)
        counter = int(row[0]) if row else 0
        if counter != self._counter:
            self._counter = counter
            self.forget()

    def forget(self) -> None:
        """Clear all caches of this process."""
        for listener in self._listeners:
            listener()


def record_change(session: Session, kind: str) -> None:
    """Increase the counter of a kind of data, in the transaction that changes it."""
    first = insert(Change).values(kind=kind, counter=1)
    # PostgreSQL's insert, whose SQL also works on SQLite, so that concurrent first inserts don't fail.
    session.execute(first.on_conflict_do_update(index_elements=["kind"], set_={"counter": Change.counter + 1}))
