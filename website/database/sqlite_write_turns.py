"""The turn file of an SQLite database: the processes that write to it take turns.

SQLite's own waiting isn't fair: a process that begins its next transaction at once leaves the others almost nothing.
Here, a process that waits has reserved the next turn, so none gets two in a row while another is waiting.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from pathlib import Path

from .failures import DatabaseUnavailableError
from .private_files import make_private_file

if sys.platform != "win32":
    import fcntl

#: Between two tries to lock a byte of the file.
PAUSE_SECONDS = 0.0002
#: The bytes that are locked.
_THIS_TURN, _NEXT_TURN = 0, 1


class TurnFile:
    """This process's place in the order of writers; one thread at a time may use it.

    The locks belong to the process: they end with it, and a forked child doesn't have them. On Windows there are none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor = -1

    def take(self, seconds: float) -> None:
        """Wait for the turn. Raise ``DatabaseUnavailableError`` if it doesn't come in so many seconds."""
        if sys.platform == "win32":
            return
        if self._descriptor < 0:
            self._open()
        end = time.monotonic() + seconds
        self._lock(_NEXT_TURN, end)
        try:
            self._lock(_THIS_TURN, end)
        finally:
            self._unlock(_NEXT_TURN)

    def give_back(self) -> None:
        """Let another process write."""
        if sys.platform != "win32":
            self._unlock(_THIS_TURN)

    def _open(self) -> None:
        try:
            make_private_file(self._file)
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise DatabaseUnavailableError from error
        weakref.finalize(self, os.close, self._descriptor)

    def _lock(self, byte: int, end: float) -> None:
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
                return
            except OSError as error:
                if not isinstance(error, BlockingIOError) or time.monotonic() > end:
                    raise DatabaseUnavailableError from error
            time.sleep(PAUSE_SECONDS)

    def _unlock(self, byte: int) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, byte)
