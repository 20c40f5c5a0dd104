"""The file of an SQLite database: its location, and making it readable only by the server's own user."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, event, make_url

from .private_files import make_private_file, make_private_folder

FILE_REPLACED = "The database file was replaced or deleted while this process had it open. Restart the process."


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


def keep_file_private(engine: Engine) -> None:
    """Create a new SQLite file readable only by this user before the engine opens it; -wal and -shm inherit this."""
    file = sqlite_file(engine.url)
    if file is None or engine.url.query.get("mode", "rwc") != "rwc":
        return

    @event.listens_for(engine, "do_connect")
    def make_file(*_connection: Any) -> None:
        with suppress(OSError):  # SQLite will report the problem next
            make_private_file(file)


class OpenedFile:
    """The file that an engine opened first, which goes on being read and written after it was replaced or deleted."""

    def __init__(self, engine: Engine) -> None:
        self._file = sqlite_file(engine.url)
        self._opened: tuple[int, int] | None = None
        if self._file is not None:
            event.listen(engine, "connect", self._note_first)

    @property
    def problem(self) -> str:
        """That the file at this path is another one now, or none; "" if it isn't."""
        return "" if self._opened is None or self._find() == self._opened else FILE_REPLACED

    def _note_first(self, *_connection: Any) -> None:
        if self._opened is None:
            self._opened = self._find()

    def _find(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat() if self._file is not None else None
        except OSError:
            return None
        return found and (found.st_dev, found.st_ino)
