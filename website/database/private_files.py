"""Owns files and folders that nobody but the server's own user may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700
_OTHERS, _EVERYBODY = 0o077, 0o007


def make_private_folder(folder: Path) -> None:
    """Make a folder for this user alone. One that is there stays as it is."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)


def make_private_file(file: Path, content: str = "") -> None:
    """Make a file for this user alone, at once with all its content. One that is there stays as it is.

    The file is never opened under its own name: closing an SQLite file takes away the locks that the whole process
    has on it.
    """
    if file.exists():
        return
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(content)
    try:
        os.link(draft, file)  # all of it or nothing, and only where there is none yet
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def is_open_to_others(path: Path, *, but_its_group: bool = False) -> bool:
    """Tell whether anybody but the owner, and perhaps the group, may read, write or enter what is there."""
    try:
        return bool(path.stat().st_mode & (_EVERYBODY if but_its_group else _OTHERS))
    except OSError:
        return False
