"""The Alembic environment: runs migrations on the application's engine, one process at a time."""

import time
from contextlib import contextmanager

from alembic import context
from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

VERSION_TABLE = "oauth2_alembic_version"
#: An arbitrary number, the same on every node: the process with the lock migrates while the others wait.
ADVISORY_LOCK = 6749_7636
TURN_PAUSE_SECONDS = 0.2
#: How long a process waits on SQLite for the one that migrates.
SQLITE_WAIT_SECONDS = 600
#: How long a migration waits on PostgreSQL for a table in use, for example by a backup: everybody who comes after it
#: waits as long. Then it lets them pass, and tries again after a pause.
LOCK_MILLISECONDS, LOCK_PAUSE_SECONDS, LOCK_TRIES = 500, 1, 3600
LOCK_NOT_AVAILABLE = "55P03"


def _is_ours(item, name, kind, _reflected, compare_to):
    """Leave the tables of an embedding application alone, and the columns that the former release still needs."""
    if kind == "column" and compare_to is None:
        table = current_app.extensions["migrate"].db.metadata.tables.get(item.table.name)
        return table is None or name not in table.info.get("former_columns", ())
    return kind != "table" or name.startswith("oauth2_")


@contextmanager
def _alone(connection):
    """Make other migrating processes wait until this one is done."""
    if connection.dialect.name == "sqlite":
        # One write transaction around everything, started before the first read. Another process's update may take far
        # longer than what a request waits for.
        database = connection.connection.driver_connection
        [usual_milliseconds] = database.execute("PRAGMA busy_timeout").fetchone()
        database.execute(f"PRAGMA busy_timeout = {SQLITE_WAIT_SECONDS * 1000}")
        connection.execution_options(grantwright_begin="BEGIN IMMEDIATE")
        try:
            with connection.begin():
                yield
        finally:
            database.execute(f"PRAGMA busy_timeout = {usual_milliseconds}")
        return
    # Asked again and again: a statement that waits in the database has a snapshot, and while there is an older one no
    # index is built concurrently, so that both would wait forever.
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": ADVISORY_LOCK}):
        connection.commit()
        time.sleep(TURN_PAUSE_SECONDS)
    connection.execute(text(f"SET lock_timeout = {LOCK_MILLISECONDS}"))
    connection.commit()
    try:
        yield
    finally:
        connection.execute(text("RESET lock_timeout"))
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": ADVISORY_LOCK})
        connection.commit()


def run_migrations():
    database = current_app.extensions["grantwright"].database
    writers_wait = database.transactions.alone(SQLITE_WAIT_SECONDS)
    with writers_wait, database.engine.connect() as connection, _alone(connection):
        for tries_left in reversed(range(LOCK_TRIES)):
            try:
                _run_on(connection)
                return
            except OperationalError as error:
                # What the migration did so far was rolled back; those before it stay.
                if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE or not tries_left:
                    raise
            time.sleep(LOCK_PAUSE_SECONDS)


def _run_on(connection):
    context.configure(
        connection=connection,
        target_metadata=current_app.extensions["migrate"].db.metadata,
        version_table=VERSION_TABLE,
        include_object=_is_ours,
        render_as_batch=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run_migrations()
