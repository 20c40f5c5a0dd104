"""Backups: a complete, verified copy of the database, taken while the server runs."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine, make_url

PAGES_A_STEP = 256
OnProgress = Callable[[int, int], None]


class BackupError(Exception):
    """No backup was made; the message says why. No file is left behind."""


def back_up(engine: Engine, file: Path, *, overwrite: bool = False, on_progress: OnProgress = lambda *_: None) -> None:
    """Copy the database to a file that only this user can read.

    SQLite: a database file. PostgreSQL: the output of ``pg_dump --format=custom`` for our tables. Raises
    :class:`BackupError`.
    """
    if file.exists() and not overwrite:
        raise BackupError(f"{file} already exists.")
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if engine.dialect.name == "sqlite":
            _copy_sqlite(engine, draft, on_progress)
        else:
            _dump_postgresql(engine, draft)
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)  # atomic
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"The backup failed: {error}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy_sqlite(engine: Engine, draft: Path, on_progress: OnProgress) -> None:
    """Copy page by page: writers aren't blocked, and pages that they change are copied again."""

    def report(_status: int, remaining: int, total: int) -> None:
        on_progress(total - remaining, total)

    source = engine.raw_connection()
    try:
        with closing(sqlite3.connect(draft)) as target:
            source.driver_connection.backup(target, pages=PAGES_A_STEP, progress=report)  # type: ignore[union-attr]
            # A single file without a journal, so that it can be renamed.
            target.execute("PRAGMA journal_mode = DELETE")
            verdict = target.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        source.close()
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
