"""Pruning of expired rows: along each table's primary key, in slices that other writers don't notice.

Each model says which of its rows have expired (:meth:`~website.models.base.Base.expired`), so no table is listed here.
The primary key is the one index that every table has: walking along it reads each row once, however few have expired.
Reading takes no lock; only the deletion of a slice does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import ColumnElement, Table, delete, func, select, tuple_

from .. import clock
from ..models.base import Base
from ..settings import Settings
from .connection import Database

#: Nodes' clocks may differ by this much: rows that expired more recently are kept.
SKEW_SECONDS = 60
#: How many rows are looked at together, without a lock.
RANGE_ROWS = 5000
#: How long the deletions of one slice may take; on SQLite nobody else can write meanwhile.
SLICE_SECONDS = 0.004
SMALLEST_SLICE = 50
#: The pause after a slice, as a multiple of the time that its transaction took; the rest is left to the server.
PAUSE_RATIO = 8
#: No pause is longer: on an overloaded machine, every transaction takes long.
MAX_PAUSE_SECONDS = 0.1

Key = tuple[Any, ...]


class Pruning:
    """The expired rows of one database at one moment."""

    def __init__(self, database: Database, settings: Settings, batch: int = 1000) -> None:
        """``batch`` is the largest number of rows in one transaction."""
        self._database = database
        self._settings = settings
        self._batch = batch
        self._slice = min(batch, SMALLEST_SLICE)
        self._past = clock.now() - SKEW_SECONDS

    @property
    def models(self) -> list[type[Base]]:
        """The models whose rows can expire, those with foreign keys before those they refer to."""
        by_table = {mapper.local_table: cast(type[Base], mapper.class_) for mapper in Base.registry.mappers}
        ordered = [by_table[table] for table in reversed(Base.metadata.sorted_tables)]
        return [model for model in ordered if model.expired(self._past, self._settings) is not None]

    def count(self, model: type[Base]) -> int:
        """Return how many rows of a table have expired."""
        expired = select(func.count()).select_from(model.__table__).where(self._expired(model))
        with self._database.reading() as session:
            return session.scalar(expired) or 0

    def delete(self, model: type[Base]) -> Iterator[int]:
        """Delete them in slices, each in its own transaction; yield the number of deleted rows of each.

        It may be stopped after any of them, and several may run at once.
        """
        copies = model.keep_of_expired(self._past)
        if copies is not None:
            with self._database.writing() as session:
                session.execute(copies)
        for keys in self._find_keys(model):
            while keys:
                batch, keys = keys[: self._slice], keys[self._slice :]
                deleted, took = self._delete_slice(model, batch)
                if deleted:
                    yield deleted
                time.sleep(min(took * PAUSE_RATIO, MAX_PAUSE_SECONDS))

    def _find_keys(self, model: type[Base]) -> Iterator[list[Key]]:
        """Yield the keys of expired rows, range by range; nothing is walked if no row has expired."""
        table = cast(Table, model.__table__)
        after: Key | None = None
        with self._database.reading() as session:
            has_more = session.execute(select(*table.primary_key).where(self._expired(model)).limit(1)).first()
        while has_more:
            keys = select(*table.primary_key)
            if after is not None:
                keys = keys.where(tuple_(*table.primary_key) > after)
            last = keys.order_by(*table.primary_key).offset(RANGE_ROWS - 1).limit(1)
            with self._database.reading() as session:
                has_more = session.execute(last).first()
                if has_more:
                    after = tuple(has_more)
                    keys = keys.where(tuple_(*table.primary_key) <= after)
                expired = keys.where(self._expired(model)).order_by(*table.primary_key)
                found = [tuple(row) for row in session.execute(expired)]
            yield found

    def _delete_slice(self, model: type[Base], keys: list[Key]) -> tuple[int, float]:
        """Delete the rows that are still expired; return their number and the seconds that the transaction took.

        The size of the next slice is adapted to the time that the statement took.
        """
        table = cast(Table, model.__table__)
        statement = delete(table).where(tuple_(*table.primary_key).in_(keys), self._expired(model))
        with self._database.writing() as session:
            began = time.monotonic()
            deleted = cast(int, session.execute(statement).rowcount)  # type: ignore[attr-defined]
            fitting = int(len(keys) * SLICE_SECONDS / (time.monotonic() - began))
        self._slice = min(self._batch, max(SMALLEST_SLICE, min(fitting, 2 * self._slice)))
        return deleted, time.monotonic() - began

    def _expired(self, model: type[Base]) -> ColumnElement[bool]:
        return cast(ColumnElement[bool], model.expired(self._past, self._settings))
