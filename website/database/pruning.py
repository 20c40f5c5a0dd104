"""Pruning of expired rows in batches, so that others can write in between.

Each model says which of its rows have expired (:meth:`~website.models.base.Base.expired`), so no table is listed here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

from sqlalchemy import ColumnElement, Table, delete, func, select, tuple_
from sqlalchemy.orm import Session

from .. import clock
from ..models.base import Base
from ..settings import Settings
from .connection import Database

#: Nodes' clocks may differ by this much: rows that expired more recently are kept.
SKEW_SECONDS = 60
#: The pause between batches, so that waiting writers get a turn.
PAUSE_SECONDS = 0.01


class Pruning:
    """The expired rows of one database at one moment."""

    def __init__(self, database: Database, settings: Settings, batch: int = 1000) -> None:
        self._database = database
        self._settings = settings
        self._batch = batch
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
        """Delete them in batches, each in its own transaction; yield the number of deleted rows of each."""
        copies = model.keep_of_expired(self._past)
        if copies is not None:
            with self._database.writing() as session:
                session.execute(copies)
        while True:
            with self._database.writing() as session:
                deleted = self._delete_batch(session, model)
            if deleted:
                yield deleted
            if deleted < self._batch:
                return
            time.sleep(PAUSE_SECONDS)

    def _delete_batch(self, session: Session, model: type[Base]) -> int:
        table = cast(Table, model.__table__)
        key = tuple_(*table.primary_key)
        batch = select(*table.primary_key).where(self._expired(model)).limit(self._batch)
        return cast(int, session.execute(delete(table).where(key.in_(batch))).rowcount)  # type: ignore[attr-defined]

    def _expired(self, model: type[Base]) -> ColumnElement[bool]:
        return cast(ColumnElement[bool], model.expired(self._past, self._settings))
