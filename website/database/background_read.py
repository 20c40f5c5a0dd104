"""Reading the database without making requests wait: if there is no response, the read goes on in its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context

from .failures import DatabaseUnavailableError

#: How long a request waits for the response; later ones go on at once until it is there.
PATIENCE_SECONDS = 0.5
#: How long the last response is good enough.
GOOD_SECONDS = 60.0
#: How long a thread that can't go on without a response waits for another one's look: as long as for a statement.
WAIT_SECONDS = 4.0


class BackgroundRead:
    """Calls a function that reads the database, and tells when that has failed for too long."""

    def __init__(self, look: Callable[[], object], *, may_hang: bool) -> None:
        """``may_hang`` is false for a database in this process, which responds or fails."""
        self._look = look
        self._may_hang = may_hang
        #: When the last look that got a response began, by the monotonic clock.
        self.answered_at = float("-inf")
        self._threads = ThreadPoolExecutor(1, "look")
        self._under_way: Future[None] | None = None
        #: Held during a look, or a slower thread would go back to an older state.
        self._lock = threading.Lock()
        #: Whether a thread has waited in vain for another one's look since there was a response.
        self._is_stuck = False

    @property
    def _is_good(self) -> bool:
        return time.monotonic() - self.answered_at < GOOD_SECONDS

    def take(self) -> None:
        """Look, but wait only for a moment if there was a response within the last minute.

        Raises ``DatabaseUnavailableError`` otherwise, if the database is unavailable.
        """
        if not self._is_good:
            self._read_once_for_all()
            return
        with suppress(TimeoutError, DatabaseUnavailableError):
            if self._may_hang:
                self._read_in_time()
            else:
                self.read()

    def _read_once_for_all(self) -> None:
        """Look, unless a thread that was faster gets a response. A queue of looks would take every place."""
        with self._turn():
            if not self._is_good:
                self._read()

    def _read_in_time(self) -> None:
        former = self._under_way
        if former is None or former.done():
            # The context has the request, by which the statement's time is limited.
            self._under_way = self._threads.submit(copy_context().run, self.read)
            self._under_way.result(PATIENCE_SECONDS)

    def read(self) -> None:
        """Look, and wait for the response. Raises ``DatabaseUnavailableError``."""
        with self._turn():
            self._read()

    def _read(self) -> None:
        began = time.monotonic()
        self._look()
        self.answered_at = began
        self._is_stuck = False

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other thread looks."""
        # Once one has waited in vain, others fail at once, which leaves places for what needs no database.
        if not self._lock.acquire(timeout=0 if self._is_stuck else WAIT_SECONDS):
            self._is_stuck = True
            raise DatabaseUnavailableError from TimeoutError("The database doesn't respond to another thread.")
        try:
            yield
        finally:
            self._lock.release()
