"""Owns draining: a file says that this node is about to stop, so that it is sent nothing more before it is."""

from __future__ import annotations

import time
from pathlib import Path

from ..settings import Settings

CHECK_SECONDS = 1.0


def drain_file(settings: Settings) -> Path:
    """Return the file that tells a node to drain: OAUTH2_DRAIN_FILE, relative to the instance folder."""
    return Path(settings.instance_path).absolute() / settings.drain_file


class Draining:
    """Whether a node drains. Every process of it sees the same file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._checked = float("-inf")
        self._is_on = False

    def is_on(self) -> bool:
        """Tell whether the file is there; it is looked for at most once a second."""
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked, self._is_on = now, self._file.exists()
        return self._is_on

    def begin(self) -> None:
        """Make the file, readable by this user only."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file.touch(mode=0o600)

    def end(self) -> None:
        """Remove the file, if it is there."""
        self._file.unlink(missing_ok=True)
