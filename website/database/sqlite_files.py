"""The file of an SQLite database: where it is, that only this user can read it, and that it stays the same one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, event, make_url

from .failures import DatabaseUnavailableError, FileReplacedError
from .private_files import make_private_file, make_private_folder


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
    return Path((url.database or "").removeprefix("file:"))


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
    """The file that an engine opens first, which goes on being read and written after it was replaced or deleted.

    A new one is created readable only by this user; -wal and -shm inherit this.

    No connection is opened to the file that replaced it. SQLite finds -wal and -shm by their names, so it would read
    the former file's; and as it takes a process's own locks for nobody's, it would shorten the -shm that the process's
    other connections have mapped into memory, which ends the process with SIGBUS.
    """

    def __init__(self, engine: Engine) -> None:
        self._file = sqlite_file(engine.url)
        self._opened: tuple[int, int] | None = None
        if self._file is not None:
            self._may_be_created = engine.url.query.get("mode", "rwc") == "rwc"
            event.listen(engine, "do_connect", self._before_opening)
            # First, while no statement has opened -wal and -shm.
            event.listen(engine, "connect", self._when_opened, insert=True)

    @property
    def problem(self) -> str:
        """That the file at this path is another one now, or none; "" if it isn't."""
        return str(FileReplacedError()) if self._is_another else ""

    def _before_opening(self, *_connection: Any) -> None:
        self._refuse_another()
        if self._file is not None and self._opened is None and self._may_be_created:
            with suppress(OSError):  # SQLite will report the problem next
                make_private_file(self._file)

    def _when_opened(self, connection: Any, _record: Any) -> None:
        if self._opened is None:
            self._opened = self._find()
        try:
            self._refuse_another()  # it may have been replaced since the last look
        except DatabaseUnavailableError:
            connection.close()
            raise

    def _refuse_another(self) -> None:
        if self._is_another:
            raise DatabaseUnavailableError from FileReplacedError

    @property
    def _is_another(self) -> bool:
        return self._opened is not None and self._find() != self._opened

    def _find(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat() if self._file is not None else None
        except OSError:
            return None
        return found and (found.st_dev, found.st_ino)
