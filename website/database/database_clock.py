"""PostgreSQL's clock: read when a connection is opened, and used by nodes whose own clock differs from it."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, event

from .. import clock
from ..logs import get_logger

#: A smaller difference doesn't matter, as times are whole seconds.
IGNORED_SECONDS = 1.0
#: Beyond this difference it isn't clear which clock is wrong, so a node keeps its own.
FOLLOWED_SECONDS = 300.0
READ_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
log = get_logger("grantwright.database")


class DatabaseClock:
    """The clock of one database, as of the last connection."""

    def __init__(self) -> None:
        self._base: float | None = None
        self._difference = 0.0

    def read(self, connection: Any) -> None:
        """Read the clock over a new connection."""
        before = time.monotonic()
        epoch: float = connection.execute(READ_CLOCK).fetchone()[0]
        after = time.monotonic()
        self._base = epoch - (before + after) / 2
        # A busy computer may have taken seconds for it: what isn't certain doesn't count as a difference.
        self._difference, uncertain = time.time() - (self._base + time.monotonic()), (after - before) / 2
        if abs(self._difference) < IGNORED_SECONDS + uncertain:
            self._difference = 0.0

    def now(self) -> float:
        """Return the database's time in seconds since the epoch; this computer's before the first connection."""
        return time.time() if self._base is None else self._base + time.monotonic()

    def guide(self) -> None:
        """Have this process use the database's clock if its own differs."""
        if not self._difference:
            clock.follow(None)
            return
        is_followed = abs(self._difference) <= FOLLOWED_SECONDS
        clock.follow(self._base if is_followed else None)
        log.warning("clock differs from the database's", seconds=round(self._difference, 1), is_followed=is_followed)


def watch_clock(engine: Engine, *, is_followed: bool) -> DatabaseClock:
    """Read the clock of a PostgreSQL database with each new connection; other databases have this computer's."""
    database_clock = DatabaseClock()
    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "connect")
        def read_clock(connection: Any, _record: Any) -> None:
            database_clock.read(connection)
            if is_followed:
                database_clock.guide()

    return database_clock
