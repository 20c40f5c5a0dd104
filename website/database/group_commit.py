"""Group commit for SQLite: writers that come at the same time share one transaction, and one wait for the disk.

A commit that survives a power cut (``synchronous = FULL``) waits for the disk, which takes far longer than the
statements. So a thread that has run its statements while others are waiting to write leaves the transaction open for
them; the last one commits for all. Each has a savepoint of its own, so its error undoes nobody else's changes. No
thread returns before the transaction is committed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from ..forked_child import renew_in_child
from .connection_pool import ConnectionPool, PooledConnection
from .driver_connections import DriverConnections
from .failures import DatabaseUnavailableError
from .sqlite_write_turns import TurnFile
from .transactions import BEGIN, NO_TRANSACTION

#: A transaction is committed when it has so many members,
MAX_MEMBERS = 32
#: or when it is so old.
MAX_SECONDS = 0.005
#: How often a member looks whether all for whom it left the transaction open have given up.
LOOK_SECONDS = 0.05


class Batch:
    """A transaction with the changes of several threads, its members."""

    def __init__(self, connection: PooledConnection) -> None:
        self.connection = connection
        self.execute = connection.execute
        #: The same connection as SQLAlchemy has it, once a member is an ORM session.
        self.of_sessions: Connection | None = None
        self.members = 0
        self.ends_at = time.monotonic() + MAX_SECONDS
        self.is_over = threading.Event()
        self.error: BaseException | None = None


class GroupCommit:
    """Begins and ends write transactions that are shared by the threads of this process.

    ``seconds`` is how long to wait for other writers, in this process and in others.
    """

    def __init__(
        self, engine: Engine, pool: ConnectionPool, connections: DriverConnections, turn: TurnFile, seconds: float
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._connections = connections
        self._turn = turn
        self._seconds = seconds
        self._left_to_parent: list[Batch | None] = []
        self._start_empty()
        renew_in_child(self)

    def _start_empty(self) -> None:
        #: Held by the thread whose statements run.
        self._lock = threading.Lock()
        #: One entry for each thread that waits for the lock.
        self._arriving: deque[None] = deque()
        self._batch: Batch | None = None

    def leave_to_parent(self) -> None:
        """Forget the parent's transaction: after a fork, its threads go on with it."""
        self._left_to_parent.append(self._batch)
        self._start_empty()

    @property
    def is_busy(self) -> bool:
        """Whether a thread's statements are running."""
        return self._lock.locked()

    @property
    def waiting(self) -> int:
        """How many threads wait to write."""
        return len(self._arriving)

    def begin(self) -> Batch:
        """Join the open transaction, or begin one; raise ``DatabaseUnavailableError`` if others take too long."""
        self._acquire()
        try:
            if self._batch is None:
                self._batch = self._begin_batch()
            else:
                self._batch.execute("SAVEPOINT member")
            return self._batch
        except BaseException as error:
            self._fail(self._batch, error)
            raise

    def commit(self, batch: Batch) -> None:
        """End a member's part; return when its changes are committed."""
        try:
            if batch.members:
                batch.execute("RELEASE member")
        except BaseException as error:
            self._fail(batch, error)
            raise
        batch.members += 1
        self._leave(batch)

    def roll_back(self, batch: Batch, error: BaseException) -> None:
        """Undo a member's changes after an exception, or all if the database failed."""
        cause = getattr(error, "orig", error)
        if not batch.members or isinstance(cause, self._connections.operational_errors):
            self._fail(batch, cause)
            return
        try:
            batch.execute("ROLLBACK TO member")
            batch.execute("RELEASE member")
        except BaseException as failure:
            self._fail(batch, failure)
            raise
        # What this member saw of the others' changes may have led to the exception: it's true only with their commit.
        self._leave(batch)
        self._connections.raise_as_ours(cause)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open an ORM session as a member."""
        batch = self.begin()
        try:
            if batch.of_sessions is None:
                connection = self._pool.lend(batch.connection, self._engine)
                batch.of_sessions = connection.execution_options(**{BEGIN: NO_TRANSACTION})
                batch.of_sessions.begin()  # sends nothing
            with Session(
                batch.of_sessions, expire_on_commit=False, join_transaction_mode="create_savepoint"
            ) as session:
                yield session
                session.commit()  # which releases its savepoint
        except BaseException as error:
            self.roll_back(batch, error)
            raise
        self.commit(batch)

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Keep all other writers waiting, here and in other processes."""
        self._acquire()
        try:
            if self._batch is not None:
                self._end(self._batch, "COMMIT")
            self._turn.take(seconds)
            try:
                yield
            finally:
                self._turn.give_back()
        finally:
            self._lock.release()

    def _acquire(self) -> None:
        self._arriving.append(None)
        try:
            is_acquired = self._lock.acquire(timeout=self._seconds)
        finally:
            self._arriving.pop()
        if not is_acquired:
            raise DatabaseUnavailableError from TimeoutError("Other writers took too long.")

    def _begin_batch(self) -> Batch:
        self._turn.take(self._seconds)
        try:
            connection = self._connections.take()
            try:
                connection.execute("BEGIN IMMEDIATE")
            except BaseException:
                self._pool.give_back(connection)
                raise
        except BaseException:
            self._turn.give_back()
            raise
        return Batch(connection)

    def _leave(self, batch: Batch) -> None:
        """Leave the transaction to a thread that is waiting, or commit it; return when it's over."""
        try:
            if not self._arriving or batch.members >= MAX_MEMBERS or time.monotonic() >= batch.ends_at:
                self._end(batch, "COMMIT")
        finally:
            self._lock.release()
        while not batch.is_over.wait(LOOK_SECONDS):
            if self._lock.acquire(blocking=False):
                try:
                    if self._batch is batch:
                        self._end(batch, "COMMIT")
                finally:
                    self._lock.release()
        if batch.error is not None:
            self._connections.raise_as_ours(batch.error)
            raise DatabaseUnavailableError from batch.error

    def _fail(self, batch: Batch | None, error: BaseException) -> None:
        """Undo the whole transaction: every member raises; release the lock."""
        try:
            if batch is not None and batch is self._batch:
                batch.error = error
                self._end(batch, "ROLLBACK")
        finally:
            self._lock.release()
        self._connections.raise_as_ours(getattr(error, "orig", error))

    def _end(self, batch: Batch, sql: str) -> None:
        self._batch = None
        try:
            batch.execute(sql)
        except BaseException as error:
            batch.error = batch.error or error
        finally:
            try:
                self._close(batch)
            finally:
                self._turn.give_back()
                batch.is_over.set()

    def _close(self, batch: Batch) -> None:
        if batch.of_sessions is not None:
            batch.of_sessions.close()
        else:
            self._connections.roll_back(batch.connection)
            self._pool.give_back(batch.connection)
