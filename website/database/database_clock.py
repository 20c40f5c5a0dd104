"""PostgreSQL's clock: read with each new connection and once a minute, and used by nodes whose own clock differs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

from .. import clock
from ..logs import get_logger

#: A smaller difference doesn't matter, as times are whole seconds.
IGNORED_SECONDS = 1.0
#: Beyond this difference it isn't clear which clock is wrong, so a node keeps its own.
FOLLOWED_SECONDS = 300.0
#: How long a reading is used while nothing contradicts it. Clocks drift, and a paused computer's monotonic one stands
#: still meanwhile.
KEPT_SECONDS = 60.0
#: After a reading that took longer, the clock is read again soon.
CERTAIN_SECONDS = 0.5
READ_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"
log = get_logger("grantwright.database")
#: Runs SQL on a connection; returns the cursor.
Execute = Callable[..., Any]


class DatabaseClock:
    """The clock of one database, as of the last reading."""

    def __init__(self, *, is_followed: bool = False) -> None:
        """``is_followed`` has this process use the database's clock if its own differs."""
        self._base: float | None = None
        self._uncertain_seconds = 0.0
        self._read_at = float("-inf")
        self._difference = 0.0
        self._is_followed = is_followed

    @property
    def is_outdated(self) -> bool:
        """Whether the clock should be read again."""
        return time.monotonic() - self._read_at >= KEPT_SECONDS

    def read(self, execute: Execute) -> float:
        """Read the clock by running a statement; return the time in seconds since the epoch."""
        before = time.monotonic()
        epoch: float = execute(READ_CLOCK).fetchone()[0]
        after = time.monotonic()
        if after - before <= CERTAIN_SECONDS:
            self._read_at = after
        self._set_base(epoch - after, epoch - before)
        former, self._difference = self._difference, time.time() - self.now()
        # What isn't certain doesn't count as a difference.
        if abs(self._difference) < IGNORED_SECONDS + self._uncertain_seconds:
            self._difference = 0.0
        if self._is_followed:
            self._guide(is_new=abs(self._difference - former) >= IGNORED_SECONDS)
        return epoch

    def _set_base(self, least: float, most: float) -> None:
        """Use the middle of the possible values, unless the former one is possible too.

        A database or a computer that stalls makes a reading take seconds, which says less than the former one.
        """
        if self._base is not None and least <= self._base <= most:
            self._uncertain_seconds = min(self._uncertain_seconds, most - least)
        else:
            self._base, self._uncertain_seconds = (least + most) / 2, (most - least) / 2

    def now(self) -> float:
        """Return the database's time in seconds since the epoch; this computer's before the first connection."""
        return time.time() if self._base is None else self._base + time.monotonic()

    def _guide(self, is_new: bool) -> None:
        if not self._difference:
            clock.follow(None)
            return
        is_followed = abs(self._difference) <= FOLLOWED_SECONDS
        clock.follow(self._base if is_followed else None)
        if is_new:
            seconds = round(self._difference, 1)
            log.warning("clock differs from the database's", seconds=seconds, is_followed=is_followed)


def watch_clock(engine: Engine, *, is_followed: bool) -> DatabaseClock:
    """Read the clock of a PostgreSQL database with each new connection; other databases have this computer's."""
    database_clock = DatabaseClock(is_followed=is_followed)
    if engine.dialect.name == "postgresql":

        @event.listens_for(engine, "connect")
        def read_clock(connection: Any, _record: Any) -> None:
            database_clock.read(connection.execute)

    return database_clock
