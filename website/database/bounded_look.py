"""Reading the database without making requests wait: if there is no response, the read goes on in its own thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context

from .failures import DatabaseUnavailableError

#: How long a request waits for the response; later ones go on at once until it is there.
PATIENCE_SECONDS = 0.5
#: How long the last response is good enough.
GOOD_SECONDS = 60.0


class BoundedLook:
    """Calls a function that reads the database, and tells when that has failed for too long."""

    def __init__(self, look: Callable[[], object], *, may_hang: bool) -> None:
        """``may_hang`` is false for a database in this process, which responds or fails."""
        self._look = look
        self._may_hang = may_hang
        #: When the last look that got a response began, by the monotonic clock.
        self.answered_at = float("-inf")
        self._threads = ThreadPoolExecutor(1, "look")
        self._under_way: Future[None] | None = None

    def take(self) -> None:
        """Look, but wait only for a moment if there was a response within the last minute.

        Raises ``DatabaseUnavailableError`` otherwise, if the database is unavailable.
        """
        if time.monotonic() - self.answered_at >= GOOD_SECONDS:
            self.read()
            return
        with suppress(TimeoutError, DatabaseUnavailableError):
            if self._may_hang:
                self._read_in_time()
            else:
                self.read()

    def _read_in_time(self) -> None:
        former = self._under_way
        if former is None or former.done():
            # The context has the request, by which the statement's time is limited.
            self._under_way = self._threads.submit(copy_context().run, self.read)
            self._under_way.result(PATIENCE_SECONDS)

    def read(self) -> None:
        """Look, and wait for the response. Raises ``DatabaseUnavailableError``."""
        began = time.monotonic()
        self._look()
        self.answered_at = began
