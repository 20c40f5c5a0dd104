"""The pool of database connections: one list and one limit for prepared statements and ORM sessions.

The engine opens every connection, so its creator, connect events and options apply. A prepared statement takes a
connection from the list and gives it back, which costs a fraction of a microsecond; SQLAlchemy checks the same
connections out for its sessions.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolProxiedConnection

from ..forked_child import renew_in_child
from .failures import DatabaseUnavailableError

#: How long a thread waits for a connection while all are in use.
WAIT_SECONDS = 1.0
#: The generation of a connection that must not be used again.
OUTDATED = -1
#: psycopg's number for a connection outside transactions.
_POSTGRESQL_IDLE = 0


class PooledConnection:
    """A connection of the driver, as prepared statements use it."""

    __slots__ = ("_pgconn", "driver", "entry", "execute", "generation")

    def __init__(self, entry: ConnectionPoolEntry | PoolProxiedConnection, generation: int = 0) -> None:
        self.entry = entry
        self.generation = generation
        driver: Any = entry.driver_connection
        self.driver = driver
        self._pgconn: Any = getattr(driver, "pgconn", None)
        #: Run SQL with its parameters; returns a cursor, which is valid until the next call.
        self.execute: Callable[..., Any] = (
            driver.cursor().execute  # psycopg takes 10 microseconds to create a cursor
            if self._pgconn is not None
            else driver.execute  # SQLite's read transaction stays open until a cursor is gone
        )

    @property
    def is_idle(self) -> bool:
        """Whether the connection is outside transactions."""
        if self._pgconn is not None:
            return bool(self._pgconn.transaction_status == _POSTGRESQL_IDLE)
        return not self.driver.in_transaction


class ConnectionPool(Pool):
    """Up to ``pool_size + max_overflow`` connections, opened when needed and kept.

    ``timeout`` is how long to wait for one, in seconds. Raises ``DatabaseUnavailableError`` if none becomes free.
    """

    def __init__(
        self,
        creator: Any,
        pool_size: int = 16,
        max_overflow: int = 16,
        timeout: float = WAIT_SECONDS,
        use_lifo: bool = True,  # noqa: ARG002 - always so, but an embedding application's options may contain it
        **options: Any,
    ) -> None:
        super().__init__(creator, **options)
        self.limit = max(1, pool_size + max_overflow)
        self._timeout = timeout
        self._generation = 0
        self._left_to_parent: list[object] = []
        #: The open connections, for when the application goes away: its threads may have used some until then.
        self._open_drivers: set[Any] = set()
        weakref.finalize(self, _close_all, self._open_drivers).atexit = False
        self._start_empty()
        #: Tells before each use whether a connection still works; may raise instead.
        self.is_usable: Callable[[Any], bool] = _is_always_usable
        renew_in_child(self)

    def _start_empty(self) -> None:
        self._generation += 1
        # Each free place has a connection, or None if one may be opened there.
        self._free: list[PooledConnection | None] = [None] * self.limit
        self._of_sessions: dict[ConnectionPoolEntry, PooledConnection] = {}
        self._lent = threading.local()
        self._freed = threading.Condition()
        self._waiting = 0
        #: Whether a thread has waited in vain since a connection was last given back.
        self._is_stuck = False

    def take(self) -> PooledConnection:
        """Return a usable connection for this thread alone; it has to be given back or dropped."""
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._wait()
        try:
            if connection is None or not self.is_usable(connection.driver):
                former, connection = connection, None
                connection = self._open(former)
        except BaseException:
            self._put(connection)
            raise
        return connection

    def give_back(self, connection: PooledConnection) -> None:
        """Make a connection available to others, or close it if it's in a transaction or outdated."""
        if connection.generation != self._generation or not connection.is_idle:
            self.drop(connection)
            return
        self._free.append(connection)
        self._is_stuck = False
        if self._waiting:
            self._wake_one()

    def drop(self, connection: PooledConnection) -> None:
        """Close a connection that must not be used again."""
        self._close(connection)
        self._put(None)

    def forget(self, generation: int) -> None:
        """Close all connections as old as one that was found closed: idle ones now, others when given back."""
        if generation != self._generation:
            return
        self._generation += 1
        for _ in range(len(self._free)):
            try:
                connection = self._free.pop()
            except IndexError:
                return
            if connection is not None and connection.generation != self._generation:
                self._close(connection)
                connection = None
            self._free.insert(0, connection)

    def _open(self, closed: PooledConnection | None) -> PooledConnection:
        if closed is not None:
            self._close(closed)
            self.forget(closed.generation)  # usually all were closed together
        return self._new(self._create_connection())

    def _new(self, entry: ConnectionPoolEntry) -> PooledConnection:
        connection = PooledConnection(entry, self._generation)
        self._open_drivers.add(connection.driver)
        return connection

    def _close(self, connection: PooledConnection) -> None:
        connection.entry.close()
        self._open_drivers.discard(connection.driver)

    def _put(self, connection: PooledConnection | None) -> None:
        # At the bottom, so that open connections are used before others are opened.
        self._free.insert(0, connection)
        self._is_stuck = False
        if self._waiting:
            self._wake_one()

    def _wait(self) -> PooledConnection | None:
        # Once one has waited in vain, others fail at once, which leaves threads for what needs no database.
        end = time.monotonic() + (0 if self._is_stuck else self._timeout)
        with self._freed:
            self._waiting += 1
            try:
                while self._freed.wait_for(lambda: self._free, end - time.monotonic()):
                    try:
                        return self._free.pop()
                    except IndexError:
                        continue  # a thread that just arrived was faster
            finally:
                self._waiting -= 1
        self._is_stuck = True
        raise DatabaseUnavailableError from TimeoutError(f"All {self.limit} database connections are in use.")

    def _wake_one(self) -> None:
        with self._freed:
            self._freed.notify()

    def leave_to_parent(self) -> None:
        """Forget all connections without closing them: after a fork, the parent process goes on using them."""
        self._left_to_parent += [self._free, self._of_sessions, set(self._open_drivers)]
        self._open_drivers.clear()
        self._start_empty()

    def lend(self, connection: PooledConnection, engine: Engine) -> Connection:
        """Have SQLAlchemy use a connection that this thread has taken; closing it there gives it back."""
        self._lent.connection = connection
        return engine.connect()

    # What SQLAlchemy calls for its sessions:

    def _do_get(self) -> ConnectionPoolEntry:
        connection: PooledConnection = self._lent.__dict__.pop("connection", None) or self.take()
        entry = cast(ConnectionPoolEntry, connection.entry)
        self._of_sessions[entry] = connection
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        connection = self._of_sessions.pop(record)
        if record.driver_connection is connection.driver:
            self.give_back(connection)
            return
        self._open_drivers.discard(connection.driver)  # closed by SQLAlchemy
        if record.driver_connection is None:
            self._put(None)
        else:  # and opened again
            self.give_back(self._new(record))

    def _invalidate(
        self, connection: PoolProxiedConnection, exception: BaseException | None = None, _checkin: bool = True
    ) -> None:
        self.forget(self._generation)
        if _checkin and connection.is_valid:
            connection.invalidate(exception)

    def dispose(self) -> None:
        """Close the idle connections now, and others when they're given back."""
        self.forget(self._generation)

    def recreate(self) -> ConnectionPool:
        """Return this pool, as it's empty after :meth:`dispose`."""
        return self

    def status(self) -> str:
        """Describe the pool's state."""
        return f"{self.limit - len(self._free)} of {self.limit} connections in use"


class EnginePool:
    """The same for an engine whose pool is SQLAlchemy's, as that of an in-memory database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self) -> PooledConnection:
        """Return a connection for this thread alone."""
        return PooledConnection(self._engine.raw_connection())

    def give_back(self, connection: PooledConnection) -> None:
        """Return it to the engine's pool."""
        connection.entry.close()

    def drop(self, connection: PooledConnection) -> None:
        """Close it."""
        connection.entry.invalidate()
        connection.entry.close()

    def forget(self, _generation: int) -> None:
        """Close all idle connections."""
        self._engine.dispose()


def _close_all(drivers: Iterable[Any]) -> None:
    for driver in drivers:
        with suppress(Exception):
            driver.close()


def _is_always_usable(_connection: Any) -> bool:
    return True
