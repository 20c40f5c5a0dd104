"""The queue for argon2: how many passwords a process checks at once, and how many requests wait for their turn."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Half of the CPUs, so that a flood of logins leaves the other half to the clients' requests.
RUNNING = max(1, min(2, len(os.sched_getaffinity(0)) // 2)) if hasattr(os, "sched_getaffinity") else 1
WAITING = 8
#: When a rejected login should be tried again, for Retry-After.
BUSY_SECONDS = "2"


class TooManyLoginsError(Exception):
    """All places in the queue are taken: the caller responds with 503 and Retry-After."""


class _Own(threading.local):
    """Whether the current thread has a place."""

    has_place = False


class PasswordQueue:
    """The places of one process. Each hash takes 19 MiB, and tens of milliseconds of a CPU."""

    def __init__(self, running: int = RUNNING, waiting: int = WAITING) -> None:
        self._free = running + waiting
        self._lock = threading.Lock()
        self._running = threading.BoundedSemaphore(running)
        self._own = _Own()

    @property
    def is_full(self) -> bool:
        """Tell whether all places are taken right now."""
        return self._free <= 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for the whole login, or raise :class:`TooManyLoginsError` at once.

        Callers take it before they read or write anything, so that a rejected login costs next to nothing. Hashes in
        the block use this place.
        """
        if self._own.has_place:
            yield
            return
        with self._lock:
            if self._free <= 0:
                raise TooManyLoginsError
            self._free -= 1
        self._own.has_place = True
        try:
            yield
        finally:
            self._own.has_place = False
            with self._lock:
                self._free += 1

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until few enough passwords are being hashed. Raises :class:`TooManyLoginsError`."""
        with self.place(), self._running:
            yield


#: The queue of this process, whatever the number of its applications: they share its memory and CPUs.
password_queue = PasswordQueue()
