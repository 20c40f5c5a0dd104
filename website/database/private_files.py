"""Files and folders that only the server's own user can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700
_OTHERS, _EVERYBODY = 0o077, 0o007


def make_private_folder(folder: Path) -> None:
    """Create a folder that only this user can read, unless it already exists."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)


def make_private_file(file: Path, content: str = "") -> None:
    """Atomically create a file that only this user can read, unless it already exists.

    The file is never opened under its own name: closing an SQLite file would release all of the process's locks on it.
    """
    if file.exists():
        return
    draft = _write_draft(file, content)
    try:
        os.link(draft, file)  # atomic, and fails if it already exists
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def replace_private_file(file: Path, content: str) -> None:
    """Atomically write a file that only this user can read, in place of any other."""
    _write_draft(file, content).replace(file)


def _write_draft(file: Path, content: str) -> Path:
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(content)
    return draft


def is_open_to_others(path: Path, *, but_its_group: bool = False) -> bool:
    """Tell whether anybody except the owner, and optionally the group, can read, write or enter a path."""
    try:
        return bool(path.stat().st_mode & (_EVERYBODY if but_its_group else _OTHERS))
    except OSError:
        return False
