"""Long lists of values, a portion per statement: databases limit a statement's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

Value = TypeVar("Value")
#: PostgreSQL takes 65,535 parameters, SQLite 250,000.
PORTION = 5000


def in_portions(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield the values, so many at a time that one statement can take them."""
    for start in range(0, len(values), PORTION):
        yield values[start : start + PORTION]
