"""Owns how a process learns that what it caches was changed by another one: a counter, asked at most once a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ..models.change import Change
from .connection import Database, Statement

READ_CHANGES = Statement(select(func.coalesce(func.sum(Change.counter), 0)))

CLIENTS, KEYS = "clients", "keys"
CHECK_SECONDS = 1.0


class CacheInvalidation:
    """Empties the caches of this process when clients or keys changed, here or on another node."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Callable[[], None]] = []
        self._counter: int | None = None
        self._checked = float("-inf")

    def on_change(self, forget: Callable[[], None]) -> None:
        """Register what empties a cache."""
        self._listeners.append(forget)

    def check(self) -> None:
        """Ask the counter if it was not asked within the last second. Costs one comparison otherwise."""
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            self.check_now()

    def check_now(self) -> None:
        """Ask the counter."""
        row = self._database.one(READ_CHANGES)
        counter = int(row[0]) if row else 0
        if counter != self._counter:
            self._counter = counter
            self.forget()

    def forget(self) -> None:
        """Empty every cache of this process."""
        for listener in self._listeners:
            listener()


def record_change(session: Session, kind: str) -> None:
    """Raise the counter of a kind, in the transaction that changes it."""
    first = insert(Change).values(kind=kind, counter=1)
    # The dialect's own class, whose SQL is SQLite's too: of two who come first, neither fails.
    session.execute(first.on_conflict_do_update(index_elements=["kind"], set_={"counter": Change.counter + 1}))
