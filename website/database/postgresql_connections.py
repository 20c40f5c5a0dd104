"""PostgreSQL connections: detects closed ones before use, and limits waiting when the database stops responding.

Before each use a connection's socket is checked, which takes a microsecond and no round trip: if the server has closed
it, it's readable. A request's statement waits a few seconds; then the connection is closed, and other requests fail at
once until one of them, let through as a probe, gets a response.
"""

from __future__ import annotations

import select
import threading
import time
from typing import Any

from sqlalchemy import Engine, event

from ..request_context import current_environ
from .connection_pool import ConnectionPool
from .failures import DatabaseUnavailableError

#: The time limit for a request's statement; commands have no limit.
ANSWER_SECONDS = 4.0
#: How long requests fail at once after a timeout, before one is let through as a probe.
REFUSED_SECONDS = 1.0
NEVER = float("-inf")


class Outage:
    """Whether the database has stopped responding, as seen by this process."""

    def __init__(self) -> None:
        self._until = NEVER
        self._lock = threading.Lock()

    def refuses(self) -> bool:
        """Tell whether a request should fail at once; after a while one is let through as a probe."""
        if self._until == NEVER:
            return False
        with self._lock:
            now, until = time.monotonic(), self._until
            if until > now:
                return True
            self._until = now + ANSWER_SECONDS
            return False

    def begin(self) -> None:
        """Record a timeout."""
        with self._lock:
            self._until = time.monotonic() + REFUSED_SECONDS

    def end(self) -> None:
        """Record a response."""
        if self._until != NEVER:
            with self._lock:
                self._until = NEVER


def watch_connections(engine: Engine) -> None:
    """Watch the connections of a PostgreSQL engine; does nothing for other databases."""
    if engine.dialect.name != "postgresql":
        return
    outage, driver = Outage(), engine.dialect.loaded_dbapi
    connection_class = _connection_class(driver, outage)

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, parameters: Any) -> Any:
        _refuse_during(outage)
        try:
            return connection_class.connect(*arguments, **parameters)
        except driver.errors.ConnectionTimeout:
            outage.begin()
            raise

    def is_usable(connection: Any) -> bool:
        _refuse_during(outage)
        return not connection.closed and not _has_something_to_read(connection)

    if isinstance(engine.pool, ConnectionPool):
        engine.pool.is_usable = is_usable


def _refuse_during(outage: Outage) -> None:
    if current_environ.get(None) is not None and outage.refuses():
        raise DatabaseUnavailableError


def _has_something_to_read(connection: Any) -> bool:
    """Tell whether the socket is readable, as after the server has closed the connection."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _connection_class(driver: Any, outage: Outage) -> Any:
    """Return a subclass of the driver's connection that limits how long a request waits."""

    class Connection(driver.Connection):
        def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
            if current_environ.get(None) is not None:
                options.setdefault("timeout", ANSWER_SECONDS)
            try:
                answer = super().wait(gen, *arguments, **options)
            except driver.errors._WaitTimeout as error:
                outage.begin()
                self.pgconn.finish()  # a late response must not reach another request
                raise driver.OperationalError("the database did not respond in time") from error
            outage.end()
            return answer

    return Connection
