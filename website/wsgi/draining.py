"""Draining: this node is about to stop, so proxies send it no more requests. A file says so, or SIGTERM."""

from __future__ import annotations

import time
from pathlib import Path

from ..settings import Settings

CHECK_SECONDS = 1.0


def drain_file(settings: Settings) -> Path:
    """Return the file that makes a node drain: OAUTH2_DRAIN_FILE, relative to the instance folder."""
    return Path(settings.instance_path).absolute() / settings.drain_file


class Draining:
    """Whether a node is draining. All its processes use the same file; SIGTERM stops one process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._checked = float("-inf")
        self._is_on = False

    def is_on(self) -> bool:
        """Tell whether the file exists; checked at most once a second."""
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked, self._is_on = now, self._file.exists()
        return self._is_on

    def begin_here(self) -> None:
        """Let this process drain, until it ends."""
        self._checked, self._is_on = float("inf"), True

    def begin(self) -> None:
        """Create the file, readable only by this user."""
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file.touch(mode=0o600)

    def end(self) -> None:
        """Remove the file, if it exists."""
        self._file.unlink(missing_ok=True)
