"""Backups: a complete, verified copy of the database, taken while the server runs."""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine, make_url

from .private_files import FILE_MODE

PAGES_A_STEP = 256
#: The check reads the copy in no order: through the page cache it takes half of the time.
MAPPED_BYTES = 2**31
#: How many of SQLite's instructions run between two looks at whether the backup is to be stopped.
INSTRUCTIONS_A_STEP = 100_000
OnProgress = Callable[[int, int], None]


class BackupError(Exception):
    """No backup was made; the message says why. No file is left behind."""


def back_up(engine: Engine, file: Path, *, overwrite: bool = False, on_progress: OnProgress = lambda *_: None) -> None:
    """Copy the database to a file that only this user can read.

    SQLite: a database file. PostgreSQL: the output of ``pg_dump --format=custom`` for our tables. An interrupted backup
    leaves no file behind. Raises :class:`BackupError`.
    """
    if file.exists() and not overwrite:
        raise BackupError(f"{file} already exists. Use --overwrite to replace it.")
    try:
        _delete_abandoned_drafts(file)
        with _open_draft(file) as draft:
            if engine.dialect.name == "sqlite":
                _copy_sqlite(engine, draft, on_progress)
            else:
                _dump_postgresql(engine, draft)
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            draft.replace(file)  # atomic
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"The backup failed: {error}.") from error


@contextmanager
def _open_draft(file: Path) -> Iterator[Path]:
    """Create the file to write to, locked while this process lives; it is gone at the end, whatever happens."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield draft
    finally:
        draft.unlink(missing_ok=True)
        os.close(descriptor)  # only now: closing a file of SQLite's releases its own locks


def _delete_abandoned_drafts(file: Path) -> None:
    """Delete drafts of killed backups of this file; those of running ones are locked."""
    for draft in file.parent.glob(f".{glob.escape(file.name)}.????????"):
        with draft.open("rb") as opened, suppress(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink(missing_ok=True)


def _copy_sqlite(engine: Engine, draft: Path, on_progress: OnProgress) -> None:
    """Copy the database as it is now, page by page, and check the copy.

    The transaction keeps what it reads unchanged without blocking writers. Without it, every write of another process
    between two steps would start the copy over, and it would never end.
    """

    def report(_status: int, remaining: int, total: int) -> None:
        on_progress(total - remaining, total)

    pooled = engine.raw_connection()
    try:
        source: sqlite3.Connection = pooled.driver_connection  # type: ignore[assignment]
        with closing(sqlite3.connect(draft)) as target:
            source.execute("BEGIN")
            try:
                source.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # begins to read
                source.backup(target, pages=PAGES_A_STEP, progress=report)
            finally:
                source.rollback()
            # A single file without a journal, so that it can be renamed.
            target.execute("PRAGMA journal_mode = DELETE")
            target.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")
            # A signal is noticed in here.
            target.set_progress_handler(lambda: None, INSTRUCTIONS_A_STEP)
            verdict = target.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        pooled.close()
    if verdict != "ok":
        raise BackupError(f"The copy is corrupt: {verdict}.")


def _dump_postgresql(engine: Engine, draft: Path) -> None:
    options = ["--format=custom", "--no-owner", "--no-privileges", "--table=oauth2_*", f"--file={draft}"]
    _run(engine, "pg_dump", options)
    _run(engine, "pg_restore", ["--list", str(draft)])


def _run(engine: Engine, program: str, options: list[str]) -> None:
    executable = shutil.which(program)
    if executable is None:
        raise BackupError(f"{program} was not found. On Debian it is in the package postgresql-client.")
    done = subprocess.run(  # noqa: S603 - one of PostgreSQL's programs, with our own options
        [executable, *options], env={**os.environ, **_connection(engine)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


def _connection(engine: Engine) -> dict[str, str]:
    """Return the programs' environment variables, as everybody can read a command line."""
    url = make_url(engine.url)
    names = {
        "PGHOST": url.host or str(url.query.get("host", "")),
        "PGPORT": str(url.port or url.query.get("port", "") or ""),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": str(url.query.get("sslmode", "")),
    }
    return {name: str(value) for name, value in names.items() if value}
