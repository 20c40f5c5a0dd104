"""Prepared statements: SQLAlchemy Core, compiled once per dialect."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.sql import ClauseElement

from .write_deadline import with_deadline

Row = tuple[Any, ...]


class Prepared(NamedTuple):
    """A statement as a driver takes it."""

    sql: str
    #: Puts the parameters in the driver's form, with the statement's own values where none is given.
    arguments: Callable[[dict[str, Any]], Any]


class Statement:
    """A SQLAlchemy Core statement, compiled once per dialect and run on the driver's connection.

    Its parameters and columns must be strings, integers or bytes, as SQLAlchemy's types don't convert them.
    """

    def __init__(self, clause: ClauseElement, columns: tuple[str, ...] | None = None) -> None:
        #: For SQLAlchemy's sessions, in which some statements run too.
        self.clause: Any = clause
        self._columns = columns
        self._compiled: dict[str, Prepared] = {}
        #: Whether it's an INSERT, UPDATE or DELETE with a RETURNING.
        # SQLAlchemy's public attributes for it are remembered by copies of a statement that had none.
        self.has_returning = bool(getattr(clause, "_returning", ()))

    def prepare(self, engine: Engine) -> Prepared:
        """Return the statement for an engine's driver."""
        compilation = self._compiled.get(engine.dialect.name)
        if compilation is None:
            compiled = self.clause.compile(dialect=engine.dialect, column_keys=self._columns)
            compilation = self._compiled[engine.dialect.name] = _parts_of(compiled)
        return compilation

    def prepare_with_deadline(self, engine: Engine) -> Prepared:
        """Return the same for a write that changes nothing after its deadline (write_deadline.py)."""
        name = f"{engine.dialect.name} with deadline"
        compilation = self._compiled.get(name)
        if compilation is None:
            compiled = with_deadline(self.clause, self._columns).compile(dialect=engine.dialect)
            compilation = self._compiled[name] = _parts_of(compiled)
        return compilation


def _parts_of(compiled: Any) -> Prepared:
    own_values = dict(compiled.params)
    names = compiled.positiontup
    if names is None:
        return Prepared(str(compiled), lambda parameters: {**own_values, **parameters})
    if len(names) < 2:  # an itemgetter of one name returns no tuple
        return Prepared(str(compiled), lambda parameters: [{**own_values, **parameters}[name] for name in names])
    pick = itemgetter(*names)

    def arguments(parameters: dict[str, Any]) -> Any:
        try:
            return pick(parameters)  # usually, all are given
        except KeyError:
            return pick({**own_values, **parameters})

    return Prepared(str(compiled), arguments)
