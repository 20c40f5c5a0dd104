"""Long lists of values, a portion per statement or transaction: databases limit a statement's parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Value = TypeVar("Value")
#: PostgreSQL takes 65,535 parameters, SQLite 250,000.
PORTION = 5000


def in_portions(values: Iterable[Value], size: int = PORTION) -> Iterator[list[Value]]:
    """Yield the values, ``size`` at a time: by default as many as one statement can take."""
    iterator = iter(values)
    while portion := list(islice(iterator, size)):
        yield portion
