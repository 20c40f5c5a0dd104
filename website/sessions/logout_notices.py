"""The sender of the outbox: delivers logout notices with retries, without letting one client delay others.

Delivery is at least once: a notice is deleted only after it was delivered. A client gets one notice per turn. After a
failure it pauses, longer each time; a slow client pauses for a multiple of the time it took.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from ..database import DatabaseUnavailableError, SchemaMissingError
from ..logs import get_logger
from ..outbound_errors import OutboundError
from .client_sessions import ClientSessions, Notice
from .notice_scheduling import MAX_THREADS, SLOW_SECONDS, Turns

#: How often to look for new notices, and how often while sending.
POLL_SECONDS, BUSY_POLL_SECONDS = 1.0, 0.05
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, WAIT_FACTOR = 5, 3600, 4
#: A slow client pauses for this multiple of its response time, so it uses at most a sixth of a thread.
SLOW_WAIT_FACTOR = 5
#: Over about ten hours.
MAX_TRIES = 15
log = get_logger("grantwright.outbox")
#: Of its own: a host, or its tests, may have seeded the module's.
_spread = random.Random()  # noqa: S311
#: Sends a notice, unless it is no longer wanted. Raises :class:`OutboundError` on failure.
Send = Callable[[Notice], None]


class LogoutNotices:
    """Sends the notices of one database."""

    def __init__(self, client_sessions: ClientSessions, send: Send, client_id_of: Callable[[str], str]) -> None:
        self._client_sessions = client_sessions
        self._send = send
        #: Names a client in the log as commands do, by its row's id.
        self._client_id_of = client_id_of
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._turns = Turns()

    def run(self, stop: threading.Event, *, until_empty: bool = False) -> None:
        """Send due notices until ``stop`` is set, or until no notice is left."""
        with ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="outbox") as pool:
            round_ = _Round(pool, self._serve)
            while not stop.is_set():
                try:
                    self._look(round_)
                    if until_empty and not round_.under_way and self._client_sessions.find_next() is None:
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
        """Send all due notices once; leave failed notices and slow clients for later."""
        with ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="outbox") as pool:
            round_ = _Round(pool, self._serve)
            self._look(round_)
            while round_.under_way:
                round_.wait(BUSY_POLL_SECONDS)
                self._look(round_, without_held_up=True)

    def nudge(self) -> None:
        """Send due notices in a background thread of this process, which ends when none are left."""
        try:
            if self._client_sessions.find_next() is None:
                return
        except DatabaseUnavailableError as error:
            log.warning("could not read the outbox", reason=error.reason)
            return
        except SchemaMissingError:  # the response already says so
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                run = {"stop": threading.Event(), "until_empty": True}
                self._thread = threading.Thread(target=self.run, kwargs=run, name="outbox", daemon=True)
                self._thread.start()

    def _look(self, round_: _Round, without_held_up: bool = False) -> None:
        """Start the turns of the clients that are next."""
        round_.collect()
        due = self._client_sessions.list_clients_with_due()
        if without_held_up:
            due = [client for client in due if client not in round_.held_up]
        for client in self._turns.choose(due, round_.ages()):
            round_.begin(client)

    def _serve(self, client: str) -> bool:
        """Send a client one due notice; tell whether it may get its next turn immediately."""
        notice = self._client_sessions.claim(client)
        if notice is None:
            return False
        with self._turns.timing(client) as turn:
            try:
                self._send(notice)
            except Exception as error:
                turn.has_failed = True
                self._note_failure(notice, error)
                return False
        self._client_sessions.settle(notice)
        if turn.seconds <= SLOW_SECONDS:
            return True
        self._client_sessions.postpone_others(notice, max(1, round(turn.seconds * SLOW_WAIT_FACTOR)))
        return False

    def _note_failure(self, notice: Notice, error: Exception) -> None:
        facts = {"client": self._client_id_of(notice.client), "tries": notice.tries}
        if isinstance(error, OutboundError):
            log.warning("could not send a client its logout notice", reason=str(error), **facts)
        else:
            log.error("could not send a client its logout notice", exc_info=error, **facts)
        if notice.tries >= MAX_TRIES:
            self._client_sessions.give_up(notice)
            return
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * WAIT_FACTOR ** (notice.tries - 1))
        # Randomized, so that notices that failed together aren't all retried together.
        self._client_sessions.postpone(notice, max(1, round(longest * _spread.uniform(0.75, 1.25))))


class _Round:
    """The current turns in one thread pool."""

    def __init__(self, pool: ThreadPoolExecutor, serve: Callable[[str], bool]) -> None:
        self._pool, self._serve = pool, serve
        self._has_ended = threading.Event()
        self.under_way: dict[str, Future[bool]] = {}
        self._begun: dict[str, float] = {}
        #: Clients that failed, were slow, or had no more due notices.
        self.held_up: set[str] = set()

    def begin(self, client: str) -> None:
        self._begun[client] = time.monotonic()
        turn = self.under_way[client] = self._pool.submit(self._serve, client)
        turn.add_done_callback(lambda _turn: self._has_ended.set())

    def collect(self) -> None:
        """Remove ended turns. Raises a turn's exception, for example if the database is unreachable."""
        self._has_ended.clear()
        for client in [client for client, turn in self.under_way.items() if turn.done()]:
            if not self.under_way.pop(client).result():
                self.held_up.add(client)

    def ages(self) -> dict[str, float]:
        """Return the current turns with their duration so far in seconds."""
        now = time.monotonic()
        return {client: now - self._begun[client] for client in self.under_way}

    def wait(self, seconds: float) -> None:
        """Wait until a turn ends, but at most so many seconds."""
        self._has_ended.wait(seconds)
