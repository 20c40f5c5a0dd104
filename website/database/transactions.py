"""Write transactions of one thread: BEGIN, and COMMIT or ROLLBACK, on a connection of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from .connection_pool import PooledConnection
from .driver_connections import DriverConnections

#: The execution option with the statement by which a session's transaction begins.
BEGIN = "grantwright_begin"
#: Its value where none is sent.
NO_TRANSACTION = ""


class Transactions:
    """Begins and ends write transactions."""

    def __init__(self, engine: Engine, connections: DriverConnections, begin: str) -> None:
        self._engine = engine
        self._connections = connections
        self._begin = begin

    def begin(self) -> PooledConnection:
        """Return a connection with a new transaction."""
        connection = self._connections.take()
        try:
            self._connections.run(connection, self._begin)
        except BaseException as error:
            self._connections.give_back_after(error, connection)
            raise
        return connection

    def commit(self, connection: PooledConnection) -> None:
        """Commit a transaction and give its connection back."""
        try:
            self._connections.run(connection, "COMMIT")
        except BaseException as error:
            self.roll_back(connection, error)
            raise
        self._connections.pool.give_back(connection)

    def roll_back(self, connection: PooledConnection, error: BaseException) -> None:
        """Roll a transaction back after an exception; raise our own error if the database is unavailable."""
        self._connections.roll_back(connection)
        self._connections.give_back_after(error, connection)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open an ORM session in a transaction of its own."""
        with self._engine.connect() as connection:
            connection = connection.execution_options(**{BEGIN: self._begin})
            with connection.begin(), Session(connection, expire_on_commit=False) as session:
                yield session
                session.flush()

    def alone(self, _seconds: float) -> AbstractContextManager[None]:
        """Do nothing: the database keeps other writers waiting."""
        return nullcontext()
