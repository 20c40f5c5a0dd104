"""Owns the sending of what is due to clients: again and again until it was heard, each client by itself.

At least once: a notice goes only after it was heard. A client that fails is left alone for a while, longer each time,
so that it costs the others nothing.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from .client_sessions import ClientSessions, Notice
from .database import DatabaseUnavailableError
from .logs import get_logger
from .outbound import OutboundError

#: Clients that are sent to at once.
AT_ONCE = 16
#: How soon something new is looked for.
POLL_SECONDS = 1.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, WAIT_FACTOR = 5, 3600, 4
#: Spread over some ten hours.
MAX_TRIES = 15
log = get_logger("grantwright.outbox")
#: Sends a notice, or finds that nobody wants to hear it. Raises :class:`OutboundError` where that failed.
Send = Callable[[Notice], None]


class Outbox:
    """Sends the notices of one database."""

    def __init__(self, client_sessions: ClientSessions, send: Send) -> None:
        self._client_sessions = client_sessions
        self._send = send
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, stop: threading.Event, *, until_empty: bool = False) -> None:
        """Send what is due, and go on doing so until ``stop`` is set; or until nothing is left that waits."""
        under_way: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="outbox") as pool:
            while not stop.is_set():
                try:
                    self._look(pool, under_way)
                    if until_empty and not under_way and self._client_sessions.find_next() is None:
                        return
                except DatabaseUnavailableError as error:
                    log.warning("the outbox could not be read", reason=error.reason)
                    if until_empty:
                        return
                stop.wait(0.05 if under_way else POLL_SECONDS)

    def run_once(self) -> None:
        """Send all that is due at this moment, once."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="outbox") as pool:
            list(pool.map(self._serve, self._client_sessions.list_clients_with_due()))

    def nudge(self) -> None:
        """Send what is due in a thread of this process, which lives as long as something waits."""
        try:
            if self._client_sessions.find_next() is None:
                return
        except DatabaseUnavailableError as error:
            log.warning("the outbox could not be read", reason=error.reason)
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                run = {"stop": threading.Event(), "until_empty": True}
                self._thread = threading.Thread(target=self.run, kwargs=run, name="outbox", daemon=True)
                self._thread.start()

    def _look(self, pool: ThreadPoolExecutor, under_way: dict[str, Future[None]]) -> None:
        for client in [client for client, served in under_way.items() if served.done()]:
            under_way.pop(client).result()
        for client in self._client_sessions.list_clients_with_due():
            if client not in under_way and len(under_way) < AT_ONCE:
                under_way[client] = pool.submit(self._serve, client)

    def _serve(self, client: str) -> None:
        """Send a client what is due to it, one after the other, until one of them fails."""
        while (notice := self._client_sessions.claim(client)) is not None:
            try:
                self._send(notice)
            except Exception as error:
                self._note_failure(notice, error)
                return
            self._client_sessions.settle(notice)

    def _note_failure(self, notice: Notice, error: Exception) -> None:
        facts = {"client": notice.client, "tries": notice.tries}
        if isinstance(error, OutboundError):
            log.warning("a client could not be told of a logout", reason=str(error), **facts)
        else:
            log.error("a client could not be told of a logout", exc_info=error, **facts)
        if notice.tries >= MAX_TRIES:
            self._client_sessions.give_up(notice)
            return
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * WAIT_FACTOR ** (notice.tries - 1))
        # Spread, so that what failed together is not tried together again.
        self._client_sessions.postpone(notice, max(1, round(longest * random.uniform(0.75, 1.25))))  # noqa: S311
