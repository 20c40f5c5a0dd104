"""The access log: one line of JSON per request, written in blocks of whole lines.

A line waits for at most 100 ms, and is written before any other entry of the log (see ``logs.py``) and when the process
ends. A process that is killed outright loses the lines of its last block.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote
from typing import TYPE_CHECKING

from .deferred_import import DeferredModule

if TYPE_CHECKING:
    from multiprocessing import util as multiprocessing_util
else:
    multiprocessing_util = DeferredModule("multiprocessing.util")

WAIT_SECONDS = 0.1
#: The system never mixes two writes of this size to a pipe, so that several processes can share one.
MAX_BLOCK_CHARACTERS = select.PIPE_BUF


class AccessLog:
    """The lines of this process that aren't written yet: at most one block."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # the parent writes its lines itself

    def _begin(self) -> None:
        self._lines: list[str] = []
        self._characters = 0
        # Reentrant, as a signal handler may log while its thread is adding a line.
        self._lock = threading.RLock()
        self._has_lines = threading.Event()
        self._is_started = self._waits = False

    def add(self, line: str) -> None:
        """Add a line, which ends in a line break, and write the block if it is full."""
        with self._lock:
            if not self._is_started:
                self.start()
            if self._characters + len(line) > MAX_BLOCK_CHARACTERS:
                self._write()
            if not self._lines and self._waits:
                self._has_lines.set()
            self._lines.append(line)
            self._characters += len(line)
            if not self._waits:
                self._write()

    def write_waiting(self) -> None:
        """Write all lines now."""
        if self._lines:
            with self._lock:
                self._write()

    def start(self) -> None:
        """Let lines wait, unless SIGTERM would end the process at once, as it does ``flask run``.

        Called for the first line, when a server has set its handlers of signals.
        """
        self._is_started = True
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            return
        self._waits = True
        # Also runs at the end of Granian's workers, which multiprocessing ends without the functions of atexit.
        multiprocessing_util.Finalize(None, self.write_waiting, exitpriority=0)
        threading.Thread(target=self._write_regularly, name="access log", daemon=True).start()

    def _write_regularly(self) -> None:
        while self._has_lines.wait():
            self._has_lines.clear()
            time.sleep(WAIT_SECONDS)
            self.write_waiting()

    def _write(self) -> None:
        block, self._lines, self._characters = "".join(self._lines), [], 0
        with suppress(OSError, ValueError):  # a full disk or a closed stream must not fail the request
            sys.stderr.write(block)
            sys.stderr.flush()


access_log = AccessLog()


def write_access_line(method: str, path: str, status: int, microseconds: int, address: str, request_id: str) -> None:
    """Write one line about a request. Formatted by hand for speed, as every request logs it."""
    now = time.time()
    access_log.add(
        f'{{"event":"request","timestamp":"{_second(int(now))}.{int(now % 1 * 1000):03}Z"'
        f',"method":{_quote(method)},"path":{_quote(path)},"status":{status},"microseconds":{microseconds}'
        f',"address":{_quote(address)},"request_id":"{request_id}"}}\n'
    )


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
