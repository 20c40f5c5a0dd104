"""Prepared statements: SQLAlchemy Core, compiled once per dialect."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.sql import ClauseElement

from .write_deadline import with_deadline

Row = tuple[Any, ...]
Prepared = tuple[str, tuple[str, ...] | None, dict[str, Any]]


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
        """Return the SQL, the order of its parameters if positional, and its own bound values."""
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
    order = tuple(compiled.positiontup) if compiled.positiontup is not None else None
    return str(compiled), order, dict(compiled.params)


def arguments(order: tuple[str, ...] | None, brought: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """Return the parameters in the driver's form."""
    if order is None:
        return {**brought, **parameters}
    return [parameters[name] if name in parameters else brought[name] for name in order]
