"""The sender of one outbox: delivers its messages with retries, without letting one receiver delay others.

Delivery is at least once: a message is settled only after it was delivered. A receiver gets one message per turn. After
a failure it pauses, longer each time; a slow receiver pauses for a multiple of the time it took.

Emails are sent by ``mail/sending.py``, logout notices by ``oauth2/specs/oidc_back_channel_logout.py``.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic

from ..database import DatabaseUnavailableError, SchemaMissingError
from ..logs import get_logger
from .queue_protocol import Backlog, MessageT, Queue, UndeliverableError
from .turns import MAX_THREADS, SLOW_SECONDS, Turns

#: How often to look for new messages, and how often while sending.
POLL_SECONDS, BUSY_POLL_SECONDS = 1.0, 0.05
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, WAIT_FACTOR = 5, 3600, 4
#: A slow receiver pauses for this multiple of its response time, so it uses at most a sixth of a thread.
SLOW_WAIT_FACTOR = 5
#: Over about ten hours.
MAX_TRIES = 15
log = get_logger("grantwright.outbox")
#: Of its own: a host, or its tests, may have seeded the module's.
_spread = random.Random()  # noqa: S311


class OutboxSender(Generic[MessageT]):
    """Sends the messages of one queue."""

    def __init__(
        self,
        queue: Queue[MessageT],
        send: Callable[[MessageT], None],
        log_failure: Callable[[MessageT, Exception], None],
        *,
        name: str,
        delay_seconds: float = 0.0,
    ) -> None:
        """``send`` raises an exception if a message wasn't delivered; it sends none that is no longer wanted.

        ``name`` is that of the background thread, which begins ``delay_seconds`` after it was nudged.
        """
        self._queue = queue
        self._send = send
        self._log_failure = log_failure
        self._name = name
        self._delay_seconds = delay_seconds
        self._thread: threading.Thread | None = None
        self._is_nudged = False
        self._lock = threading.Lock()
        self._turns = Turns()

    def run(self, stop: threading.Event, *, until_empty: bool = False) -> None:
        """Send due messages until ``stop`` is set, or until no message is left."""
        with ThreadPoolExecutor(MAX_THREADS, thread_name_prefix=self._name) as pool:
            round_ = _Round(pool, self._serve)
            while not stop.is_set():
                try:
                    self._look(round_)
                    if until_empty and not round_.under_way and self._queue.find_next() is None:
                        return
                except DatabaseUnavailableError as error:
                    log.warning("could not read the outbox", reason=error.reason)
                    if until_empty:
                        return
                if round_.under_way:
                    round_.wait(BUSY_POLL_SECONDS)
                else:
                    stop.wait(POLL_SECONDS)

    def run_once(self) -> None:
        """Send all due messages once; leave failed messages and slow receivers for later."""
        with ThreadPoolExecutor(MAX_THREADS, thread_name_prefix=self._name) as pool:
            round_ = _Round(pool, self._serve)
            self._look(round_)
            while round_.under_way:
                round_.wait(BUSY_POLL_SECONDS)
                self._look(round_, without_held_up=True)

    def read_backlog(self) -> Backlog:
        """Count the messages that wait or were given up, in this process and others."""
        return self._queue.read_backlog()

    def nudge(self) -> None:
        """Send due messages in a background thread of this process, which ends when none are left.

        The caller doesn't look for messages: that takes as long whether there are any or not.
        """
        with self._lock:
            self._is_nudged = True
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run_while_nudged, name=self._name, daemon=True)
                self._thread.start()

    def _run_while_nudged(self) -> None:
        while True:
            time.sleep(self._delay_seconds)
            with self._lock:
                if not self._is_nudged:
                    self._thread = None
                    return
                self._is_nudged = False
            try:
                if self._queue.find_next() is not None:
                    self.run(threading.Event(), until_empty=True)
            except DatabaseUnavailableError as error:
                log.warning("could not read the outbox", reason=error.reason)
            except SchemaMissingError:
                pass  # the response already says so

    def _look(self, round_: _Round, without_held_up: bool = False) -> None:
        """Start the turns of the receivers that are next."""
        round_.collect()
        due = self._queue.list_due_receivers()
        if without_held_up:
            due = [receiver for receiver in due if receiver not in round_.held_up]
        for receiver in self._turns.choose(due, round_.ages()):
            round_.begin(receiver)

    def _serve(self, receiver: str) -> bool:
        """Send a receiver one due message; tell whether it may get its next turn immediately."""
        message = self._queue.claim(receiver)
        if message is None:
            return False
        with self._turns.timing(receiver) as turn:
            try:
                self._send(message)
            except Exception as error:
                turn.has_failed = True
                self._note_failure(message, error)
                return False
        self._queue.settle(message)
        if turn.seconds <= SLOW_SECONDS:
            return True
        self._queue.postpone_others(message, max(1, round(turn.seconds * SLOW_WAIT_FACTOR)))
        return False

    def _note_failure(self, message: MessageT, error: Exception) -> None:
        self._log_failure(message, error)
        if message.tries >= MAX_TRIES or isinstance(error, UndeliverableError):
            self._queue.give_up(message)
            return
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * WAIT_FACTOR ** (message.tries - 1))
        # Randomized, so that messages that failed together aren't all retried together.
        self._queue.postpone(message, max(1, round(longest * _spread.uniform(0.75, 1.25))))


class _Round:
    """The current turns in one thread pool."""

    def __init__(self, pool: ThreadPoolExecutor, serve: Callable[[str], bool]) -> None:
        self._pool, self._serve = pool, serve
        self._has_ended = threading.Event()
        self.under_way: dict[str, Future[bool]] = {}
        self._begun: dict[str, float] = {}
        #: Receivers that failed, were slow, or had no more due messages.
        self.held_up: set[str] = set()

    def begin(self, receiver: str) -> None:
        self._begun[receiver] = time.monotonic()
        turn = self.under_way[receiver] = self._pool.submit(self._serve, receiver)
        turn.add_done_callback(lambda _turn: self._has_ended.set())

    def collect(self) -> None:
        """Remove ended turns. Raises a turn's exception, for example if the database is unreachable."""
        self._has_ended.clear()
        for receiver in [receiver for receiver, turn in self.under_way.items() if turn.done()]:
            if not self.under_way.pop(receiver).result():
                self.held_up.add(receiver)

    def ages(self) -> dict[str, float]:
        """Return the current turns with their duration so far in seconds."""
        now = time.monotonic()
        return {receiver: now - self._begun[receiver] for receiver in self.under_way}

    def wait(self, seconds: float) -> None:
        """Wait until a turn ends, but at most so many seconds."""
        self._has_ended.wait(seconds)
