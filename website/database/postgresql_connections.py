"""PostgreSQL's connections: a closed one is noticed before use, and a database that stops answering costs seconds.

Before each use a connection's socket is looked at, which takes a microsecond and no round trip: one that the server
closed has something to read. A statement of a request waits a few seconds for its answer; then the connection is given
up, and other requests are refused at once until a single one of them has had an answer again.
"""

from __future__ import annotations

import select
import threading
import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from ..request_context import current_environ
from .connection import DatabaseUnavailableError

#: How long a statement of a request may take; commands may take as long as they need.
ANSWER_SECONDS = 4.0
#: For how long requests are refused once the database did not answer, before one tries again.
REFUSED_SECONDS = 1.0
NEVER = float("-inf")


class Outage:
    """Whether the database has stopped answering, as this process sees it."""

    def __init__(self) -> None:
        self._until = NEVER
        self._lock = threading.Lock()

    def refuses(self) -> bool:
        """Tell whether a request is refused; of those that come after a while one is let through, to try."""
        if self._until == NEVER:
            return False
        with self._lock:
            now, until = time.monotonic(), self._until
            if until > now:
                return True
            self._until = now + ANSWER_SECONDS
            return False

    def begin(self) -> None:
        """Note that there was no answer in time."""
        with self._lock:
            self._until = time.monotonic() + REFUSED_SECONDS

    def end(self) -> None:
        """Note that there was an answer."""
        if self._until != NEVER:
            with self._lock:
                self._until = NEVER


def watch_connections(engine: Engine) -> None:
    """Watch the connections that an engine of PostgreSQL makes; any other database has none to watch."""
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

    @event.listens_for(engine, "checkout")
    def look_at_connection(connection: Any, _record: Any, _proxy: Any) -> None:
        _refuse_during(outage)
        if connection.closed or _has_something_to_read(connection):
            # With it go the others that were opened before: who closed one usually closed all.
            raise InvalidatePoolError


def _refuse_during(outage: Outage) -> None:
    if current_environ.get(None) is not None and outage.refuses():
        raise DatabaseUnavailableError


def _has_something_to_read(connection: Any) -> bool:
    """Tell whether the server said something unasked, as it does when it closes a connection."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _connection_class(driver: Any, outage: Outage) -> Any:
    """Return the driver's class of connections, with a limit to how long a request waits."""

    class Connection(driver.Connection):
        def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
            if current_environ.get(None) is not None:
                named.setdefault("timeout", ANSWER_SECONDS)
            try:
                answer = super().wait(gen, *arguments, **named)
            except driver.errors._WaitTimeout as error:
                outage.begin()
                self.pgconn.finish()  # its answer may come at any time, to nobody
                raise driver.OperationalError("the database did not answer in time") from error
            outage.end()
            return answer

    return Connection
