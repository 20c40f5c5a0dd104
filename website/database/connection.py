"""Access to the database: prepared statements on the driver, the write transaction, ORM sessions.

Every connection uses the driver's autocommit mode, and transactions are started explicitly: reads with one statement
need none, and writes take SQLite's write lock at the beginning instead of failing later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection, event
from sqlalchemy import exc as sqlalchemy_errors
from sqlalchemy.orm import Session

from .failures import DatabaseUnavailableError, ReferenceGoneError, SchemaMissingError
from .statement import Row, Statement, arguments

SQLITE_BUSY_SECONDS = 5
_BEGIN = "grantwright_begin"

#: Parts of SQLite's errors for missing tables and columns.
_SCHEMA_TEXTS = ("no such table", "no such column", "has no column named")
_SCHEMA_ERRORS = ("UndefinedTable", "UndefinedColumn")


class Writer:
    """Runs statements in one write transaction."""

    def __init__(self, database: Database, connection: Any) -> None:
        self._database = database
        self._connection = connection

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        """Run a statement and return its first row, if any, such as from the RETURNING of an UPDATE."""
        sql, order, brought = statement.prepare(self._database.engine)
        row: Row | None = self._connection.execute(sql, arguments(order, brought, parameters)).fetchone()
        return row

    def run(self, statement: Statement, **parameters: Any) -> int:
        """Run a statement that returns no rows; return how many rows it affected."""
        sql, order, brought = statement.prepare(self._database.engine)
        count: int = self._connection.execute(sql, arguments(order, brought, parameters)).rowcount
        return count


class Database:
    """One engine and the ways to use it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._driver_errors = engine.dialect.loaded_dbapi.Error
        self._begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        """Read the first row of a statement outside transactions; retry once if the connection was closed."""
        row: Row | None = self._read_twice(statement, parameters, "fetchone")
        return row

    def all(self, statement: Statement, **parameters: Any) -> list[Row]:
        """Read every row of a statement outside transactions; retry once if the connection was closed."""
        rows: list[Row] = self._read_twice(statement, parameters, "fetchall")
        return rows

    def _read_twice(self, statement: Statement, parameters: dict[str, Any], fetch: str) -> Any:
        try:
            return self._read(statement, parameters, fetch)
        except DatabaseUnavailableError as error:
            if not error.is_disconnect:
                raise
        return self._read(statement, parameters, fetch)

    def _read(self, statement: Statement, parameters: dict[str, Any], fetch: str) -> Any:
        sql, order, brought = statement.prepare(self.engine)
        # Without _driver_connection, as a generator would slow down the most frequent reads.
        pooled = self._check_out()
        try:
            connection: Any = pooled.driver_connection
            return getattr(connection.execute(sql, arguments(order, brought, parameters)), fetch)()
        except self._driver_errors as error:
            is_disconnect = self._discard_if_broken(pooled, error)
            self._raise_as_ours(error, is_disconnect)
            raise
        finally:
            pooled.close()

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """Open a write transaction for prepared statements; commits at the end, rolls back on an exception."""
        with self._driver_connection() as connection:
            connection.execute(self._begin)
            try:
                yield Writer(self, connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    @contextmanager
    def _driver_connection(self) -> Iterator[Any]:
        pooled = self._check_out()
        try:
            yield pooled.driver_connection
        except self._driver_errors as error:
            self._discard_if_broken(pooled, error)
            self._raise_as_ours(error)
            raise
        finally:
            pooled.close()

    def _check_out(self) -> PoolProxiedConnection:
        try:
            return self.engine.raw_connection()
        except sqlalchemy_errors.TimeoutError as error:
            raise DatabaseUnavailableError from error
        except sqlalchemy_errors.DBAPIError as error:
            self._raise_as_ours(error.orig)
            raise
        except self._driver_errors as error:
            self._raise_as_ours(error)
            raise

    def _discard_if_broken(self, pooled: PoolProxiedConnection, error: Exception) -> bool:
        """Drop a connection that the server closed, along with all older ones."""
        is_broken = self.engine.dialect.is_disconnect(error, pooled.dbapi_connection, None)  # type: ignore[arg-type]
        if is_broken:
            pooled.invalidate(error)
            self.engine.dispose()
        return is_broken

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open an ORM session for reading."""
        with self._as_ours(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open an ORM session in a write transaction; commits at the end, rolls back on an exception."""
        with self._as_ours(), self.engine.connect() as connection:
            connection = connection.execution_options(**{_BEGIN: self._begin})
            with connection.begin(), Session(connection, expire_on_commit=False) as session:
                yield session
                session.flush()

    @contextmanager
    def _as_ours(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy_errors.TimeoutError as error:
            raise DatabaseUnavailableError from error
        except sqlalchemy_errors.DBAPIError as error:
            self._raise_as_ours(error.orig)
            raise

    def _raise_as_ours(self, error: BaseException | None, is_disconnect: bool = False) -> None:
        """Raise our own error if the statement isn't at fault; return if it is."""
        if any(map(str(error).__contains__, _SCHEMA_TEXTS)) or type(error).__name__ in _SCHEMA_ERRORS:
            raise SchemaMissingError from error
        if "FOREIGN KEY constraint failed" in str(error) or type(error).__name__ == "ForeignKeyViolation":
            raise ReferenceGoneError from error
        if isinstance(error, self.engine.dialect.loaded_dbapi.OperationalError):
            raise DatabaseUnavailableError(is_disconnect=is_disconnect) from error


def prepare_engine(engine: Engine, sqlite_synchronous: str) -> None:
    """Set up the engine's connections: autocommit, and SQLite's WAL, foreign keys and busy timeout."""

    @event.listens_for(engine, "connect")
    def set_up_connection(connection: Any, _record: Any) -> None:
        if engine.dialect.name != "sqlite":
            connection.autocommit = True
            return
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {sqlite_synchronous}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))
