"""Long lists, a page at a time: each page begins after the key of the last row on the page before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Row = TypeVar("Row")
Key = TypeVar("Key")


def cut_page(found: Sequence[Row], page_rows: int, key_of: Callable[[Row], Key]) -> tuple[list[Row], Key | None]:
    """Return the rows of a page, and the key after which the next page begins, if there is one.

    ``found`` has one row more than a page if there is.
    """
    rows = [*found[:page_rows]]
    return rows, key_of(rows[-1]) if len(found) > page_rows else None
