"""The file of an SQLite database: where it is, that only this user can read it, and that it stays the same one."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, Engine, event, make_url

from .connection_pool import ConnectionPool
from .failures import DatabaseFileError, DatabaseUnavailableError
from .private_files import make_private_file, make_private_folder, replace_private_file

FILE_REPLACED = "The database file was replaced or deleted while this process had it open. Restart the process."
#: How often to look, before the use of a connection, whether the file is still the same.
LOOK_SECONDS = 1.0


def is_in_memory(url: URL) -> bool:
    """Tell whether a URL is that of an in-memory SQLite database."""
    if url.get_backend_name() != "sqlite":
        return False
    name = (url.database or "").removeprefix("file:")
    return name in ("", ":memory:") or url.query.get("mode") == "memory"


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite database; ``None`` for in-memory and other databases."""
    if url.get_backend_name() != "sqlite" or is_in_memory(url):
        return None
    name = url.database or ""
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def is_created(url: URL) -> bool:
    """Tell whether a database may be there to read: connecting to a missing SQLite file creates it."""
    file = sqlite_file(url)
    return file is None or file.exists()


def make_instance_folder(database_uri: str, folder: str) -> None:
    """Create the instance folder, readable only by this user, if it contains the SQLite file."""
    file = sqlite_file(make_url(database_uri))
    if file is not None and not file.is_absolute():
        make_private_folder(Path(folder))


class OpenedFile:
    """The file that an engine opens first. A new one is created readable only by this user, as are -wal and -shm.

    Once the file was replaced or deleted, nothing uses the database: open connections would go on with the former file,
    which nobody will ever read, and a new one would be worse. SQLite finds -wal and -shm by their names, so it would
    read the former file's; and as it takes a process's own locks for nobody's, it would shorten the -shm that other
    connections have mapped into memory, which ends the process with SIGBUS.

    A process that starts later would read the former file's -wal too. So the file's inode is kept beside it: where it's
    another than that of the file, and there is a -wal, the database isn't opened either.
    """

    def __init__(self, engine: Engine) -> None:
        self._file = sqlite_file(engine.url)
        self._opened: tuple[int, int] | None = None
        self._look_at = 0.0
        if self._file is not None:
            self._may_be_created = engine.url.query.get("mode", "rwc") == "rwc"
            event.listen(engine, "do_connect", self._before_opening)
            # First, while no statement has opened -wal and -shm.
            event.listen(engine, "connect", self._when_opened, insert=True)
            if isinstance(engine.pool, ConnectionPool):
                engine.pool.is_usable = self._is_usable

    @property
    def problem(self) -> str:
        """That the file at this path is another one now, or none; "" if it isn't."""
        return FILE_REPLACED if self._opened is not None and self._find() != self._opened else ""

    def _before_opening(self, *_connection: Any) -> None:
        if self._file is not None and self._opened is None:
            if self._may_be_created:
                with suppress(OSError):  # SQLite will report the problem next
                    make_private_file(self._file)
            _refuse_former_journal(self._file)
            self._opened = self._find()
        self._refuse_another()

    def _when_opened(self, connection: Any, _record: Any) -> None:
        try:
            self._refuse_another()  # it may have been replaced since the last look
        except DatabaseUnavailableError:
            connection.close()
            raise

    def _is_usable(self, _connection: Any) -> bool:
        if (now := time.monotonic()) >= self._look_at:
            self._refuse_another()
            self._look_at = now + LOOK_SECONDS
        return True

    def _refuse_another(self) -> None:
        if problem := self.problem:
            raise DatabaseUnavailableError from DatabaseFileError(problem)

    def _find(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat() if self._file is not None else None
        except OSError:
            return None
        return found and (found.st_dev, found.st_ino)


def _refuse_former_journal(file: Path) -> None:
    """Raise ``DatabaseUnavailableError`` if a file's -wal was written for another file; otherwise keep its inode."""
    kept, journal = file.with_name(f"{file.name}-inode"), file.with_name(f"{file.name}-wal")
    with suppress(OSError):  # SQLite will report it, or nobody can tell
        inode, former = str(file.stat().st_ino), kept.read_text() if kept.exists() else ""
        if former == inode:
            return
        if former and journal.exists() and journal.stat().st_size:
            raise DatabaseUnavailableError from DatabaseFileError(
                f"{journal.name} was written for a file other than {file.name}. If {file.name} is a restored backup,"
                f" stop every process that uses it and delete {journal.name} and {file.name}-shm. If they were copied"
                f" here together, delete {kept.name} instead."
            )
        replace_private_file(kept, inode)
