"""Access to the database: prepared statements on the driver, the write transaction, ORM sessions.

Every connection uses the driver's autocommit mode, and transactions are started explicitly: a single statement needs
none, and several take SQLite's write lock at the beginning instead of failing later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy import exc as sqlalchemy_errors
from sqlalchemy.orm import Session

from .connection_pool import ConnectionPool, PooledConnection
from .database_clock import watch_clock
from .driver_connections import DriverConnections
from .failures import DatabaseUnavailableError
from .group_commit import GroupCommit
from .sqlite_files import OpenedFile, sqlite_file
from .sqlite_write_turns import TurnFile
from .statement import Prepared, Row, Statement
from .transactions import BEGIN, NO_TRANSACTION, Transactions
from .write_deadline import DeadlinePassedError, WriteDeadline

SQLITE_BUSY_SECONDS = 5


class Writer:
    """One write transaction: ``with`` begins and commits it, or rolls it back on an exception."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Writer:
        self._connection: Any = self._database.transactions.begin()
        return self

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        """Run a statement and return its first row, if any, such as from the RETURNING of an UPDATE."""
        row: Row | None = self._run(statement, parameters).fetchone()
        return row

    def run(self, statement: Statement, **parameters: Any) -> int:
        """Run a statement that returns no rows; return how many rows it affected."""
        count: int = self._run(statement, parameters).rowcount
        return count

    def _run(self, statement: Statement, parameters: dict[str, Any]) -> Any:
        prepared = statement.prepare(self._database.engine)
        return self._database.connections.run(self._connection, prepared.sql, prepared.arguments(parameters))

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            self._database.transactions.commit(self._connection)
        else:
            self._database.transactions.roll_back(self._connection, error)


class Database:
    """One engine and the ways to use it."""

    def __init__(self, engine: Engine, *, follows_clock: bool = False, groups_commits: bool = False) -> None:
        """``follows_clock`` has this process use the database's clock if its own differs.

        ``groups_commits``: writers of an SQLite file share commits, which is faster if each commit waits for the disk.
        """
        self.engine = engine
        self.opened_file = OpenedFile(engine)
        self.connections = DriverConnections(engine)
        self.pool = self.connections.pool
        self._clock = watch_clock(engine, is_followed=follows_clock)
        self._has_deadlines = engine.dialect.name == "postgresql"
        self._reader = engine.execution_options(**{BEGIN: NO_TRANSACTION})
        self.transactions: Transactions | GroupCommit
        file, pool = sqlite_file(engine.url), engine.pool
        if groups_commits and file is not None and isinstance(pool, ConnectionPool):
            turn = TurnFile(file.with_name(f"{file.name}-turn"))
            self.transactions = GroupCommit(engine, pool, self.connections, turn, SQLITE_BUSY_SECONDS)
        else:
            begin = "BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "BEGIN"
            self.transactions = Transactions(engine, self.connections, begin)

    def one(self, statement: Statement, **parameters: Any) -> Row | None:
        """Read the first row of a statement outside transactions; retry once if the connection was closed."""
        row: Row | None = self._read_twice(statement, parameters, _first_row)
        return row

    def all(self, statement: Statement, **parameters: Any) -> list[Row]:
        """Read every row of a statement outside transactions; retry once if the connection was closed."""
        rows: list[Row] = self._read_twice(statement, parameters, _all_rows)
        return rows

    def write_one(self, statement: Statement, **parameters: Any) -> Row | None:
        """Run one writing statement, a transaction of its own; return the first row of its RETURNING, if any."""
        if isinstance(self.transactions, GroupCommit):
            with self.write() as writer:
                return writer.one(statement, **parameters)
        # All rows are read, as SQLite commits with the last one.
        fetch = _all_rows if statement.has_returning else _no_rows
        if self._has_deadlines:
            rows = self._write_in_time(statement, parameters, fetch)
        else:
            rows = self._run_on(self.connections.take(), statement.prepare(self.engine), parameters, fetch)
        return rows[0] if rows else None

    def _write_in_time(
        self, statement: Statement, parameters: dict[str, Any], fetch: Callable[[Any], list[Row]]
    ) -> list[Row]:
        prepared = statement.prepare_with_deadline(self.engine)
        try:
            return self._write_until_deadline(prepared, parameters, fetch)
        except DeadlinePassedError as error:
            if not error.may_repeat:
                raise
        return self._write_until_deadline(prepared, parameters, fetch)

    def _write_until_deadline(
        self, prepared: Prepared, parameters: dict[str, Any], fetch: Callable[[Any], list[Row]]
    ) -> list[Row]:
        connection = self.connections.take()  # before the deadline is set, as opening one may take a while
        deadline = WriteDeadline(self._clock)

        def fetch_in_time(cursor: Any) -> list[Row]:
            if cursor.rowcount:
                return fetch(cursor)
            deadline.check(connection.execute)
            return []

        rows: list[Row] = self._run_on(connection, prepared, parameters | deadline.parameters, fetch_in_time)
        return rows

    def keep_clock(self) -> None:
        """Read PostgreSQL's clock again if the last reading is a minute old."""
        if self._has_deadlines and self._clock.is_outdated:
            with self._as_ours(), self._reader.connect() as connection:
                self._clock.read(connection.exec_driver_sql)

    def _read_twice(self, statement: Statement, parameters: dict[str, Any], fetch: Callable[[Any], Any]) -> Any:
        prepared = statement.prepare(self.engine)
        try:
            return self._run_on(self.connections.take(), prepared, parameters, fetch)
        except DatabaseUnavailableError as error:
            if not error.is_disconnect:
                raise
        return self._run_on(self.connections.take(), prepared, parameters, fetch)

    def _run_on(
        self, connection: PooledConnection, prepared: Prepared, parameters: dict[str, Any], fetch: Callable[[Any], Any]
    ) -> Any:
        try:
            fetched = fetch(connection.execute(prepared.sql, prepared.arguments(parameters)))
        except BaseException as error:
            self.connections.distrust_if_interrupted(connection, error)
            self.connections.give_back_after(error, connection)
            raise
        self.pool.give_back(connection)
        return fetched

    def write(self) -> Writer:
        """Return a write transaction for prepared statements, for a ``with`` statement."""
        return Writer(self)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open an ORM session for reading, without a transaction: each statement sees the latest commits."""
        with self._as_ours(), Session(self._reader, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open an ORM session in a write transaction; commits at the end, rolls back on an exception."""
        with self._as_ours(), self.transactions.session() as session:
            yield session

    @contextmanager
    def _as_ours(self) -> Iterator[None]:
        try:
            yield
        except sqlalchemy_errors.DBAPIError as error:
            self.connections.raise_as_ours(error.orig)
            raise


def _first_row(cursor: Any) -> Any:
    return cursor.fetchone()


def _all_rows(cursor: Any) -> Any:
    return cursor.fetchall()


def _no_rows(_cursor: Any) -> Any:
    return None


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
        begin = connection.get_execution_options().get(BEGIN, "BEGIN")
        if begin != NO_TRANSACTION:
            connection.exec_driver_sql(begin)
