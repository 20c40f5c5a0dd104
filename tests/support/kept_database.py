"""An SQLite database as it stood at a moment, to go back to without another application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import connect

from flask import Flask

from tests.support.prepared_databases import DATABASE


@contextmanager
def keep_database(application: Flask) -> Iterator[Callable[[], None]]:
    """Keep what stands in an application's database. What this gives puts it back, as often as it is called."""
    file = Path(application.instance_path) / DATABASE
    with closing(connect(":memory:")) as kept:
        with closing(connect(file)) as source:
            source.backup(kept)

        def go_back() -> None:
            with closing(connect(file)) as target:
                target.execute("PRAGMA synchronous = OFF")
                kept.backup(target)
            application.extensions["grantwright"].cache_invalidation.forget()

        yield go_back
