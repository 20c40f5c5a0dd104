"""The driver's connections, as prepared statements and write transactions use them, and the errors they raise."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import Engine

from .connection_pool import OUTDATED, ConnectionPool, EnginePool, PooledConnection
from .failures import DatabaseUnavailableError, ReferenceGoneError, SchemaMissingError

#: Parts of SQLite's errors for missing tables and columns.
_SCHEMA_TEXTS = ("no such table", "no such column", "has no column named")
_SCHEMA_ERRORS = ("UndefinedTable", "UndefinedColumn")


class DriverConnections:
    """Takes connections from the pool and gives them back; raises our own errors where the statement isn't at fault."""

    def __init__(self, engine: Engine) -> None:
        self.pool = engine.pool if isinstance(engine.pool, ConnectionPool) else EnginePool(engine)
        self.errors = engine.dialect.loaded_dbapi.Error
        self.operational_errors = engine.dialect.loaded_dbapi.OperationalError
        self._dialect = engine.dialect

    def take(self) -> PooledConnection:
        """Return a connection for this thread alone."""
        try:
            return self.pool.take()
        except self.errors as error:
            self.raise_as_ours(error)
            raise

    def run(self, connection: PooledConnection, sql: str, values: Any = ()) -> Any:
        """Run SQL on a connection; return the cursor."""
        try:
            return connection.execute(sql, values)
        except BaseException as error:
            self.distrust_if_interrupted(connection, error)
            raise

    def distrust_if_interrupted(self, connection: PooledConnection, error: BaseException) -> None:
        """Have a connection closed whose driver didn't finish: it would next read the answer to this statement."""
        if not isinstance(error, self.errors):
            connection.generation = OUTDATED

    def give_back_after(self, error: BaseException, connection: PooledConnection) -> None:
        """Give a connection back after an exception; raise our own error if the database is unavailable."""
        is_disconnect = False
        if isinstance(error, self.errors):
            is_disconnect = self._dialect.is_disconnect(error, connection.driver, None)
            if is_disconnect:
                self.pool.forget(connection.generation)
        self.pool.give_back(connection)
        self.raise_as_ours(error, is_disconnect)

    def roll_back(self, connection: PooledConnection) -> None:
        """Roll back a transaction; a connection on which that fails is closed when it's given back."""
        with suppress(self.errors):
            connection.driver.rollback()

    def raise_as_ours(self, error: BaseException | None, is_disconnect: bool = False) -> None:
        """Raise our own error if the statement isn't at fault; return if it is, or if it's no error of the driver."""
        if not isinstance(error, self.errors):
            return
        if any(map(str(error).__contains__, _SCHEMA_TEXTS)) or type(error).__name__ in _SCHEMA_ERRORS:
            raise SchemaMissingError from error
        if "FOREIGN KEY constraint failed" in str(error) or type(error).__name__ == "ForeignKeyViolation":
            raise ReferenceGoneError from error
        if isinstance(error, self.operational_errors):
            raise DatabaseUnavailableError(is_disconnect=is_disconnect) from error
