"""Owns the file of an SQLite database: where it is, and that nobody but the server's own user may read it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, event, make_url

from .private_files import make_private_file, make_private_folder


def is_in_memory(url: URL) -> bool:
    """Tell whether an address is that of an SQLite database that ends with its connection."""
    if url.get_backend_name() != "sqlite":
        return False
    name = (url.database or "").removeprefix("file:")
    return name in ("", ":memory:") or url.query.get("mode") == "memory"


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite database; ``None`` for one in memory, and for any other database."""
    if url.get_backend_name() != "sqlite" or is_in_memory(url):
        return None
    return Path((url.database or "").removeprefix("file:"))


def make_instance_folder(database_uri: str, folder: str) -> None:
    """Make the instance folder, for this user alone, where the SQLite file is in it."""
    file = sqlite_file(make_url(database_uri))
    if file is not None and not file.is_absolute():
        make_private_folder(Path(folder))


def keep_file_private(engine: Engine) -> None:
    """Have a new SQLite file made for this user alone, before the engine opens it; -wal and -shm files follow it."""
    file = sqlite_file(engine.url)
    if file is None or engine.url.query.get("mode", "rwc") != "rwc":
        return

    @event.listens_for(engine, "do_connect")
    def make_file(*_connection: Any) -> None:
        with suppress(OSError):  # what is wrong with the place, SQLite says next
            make_private_file(file)
