"""Counts of what each client did, kept by a process until it writes them, once a minute.

A request only adds to a number in memory. A thread of the process writes the numbers, and again when the process ends.
A process that is killed outright loses those of its last minute.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from .. import clock
from ..database import DatabaseUnavailableError, SchemaMissingError
from ..deferred_import import DeferredModule
from ..forked_child import renew_in_child
from ..logs import get_logger
from ..request_context import current_environ

if TYPE_CHECKING:
    from multiprocessing import util as multiprocessing_util
else:
    multiprocessing_util = DeferredModule("multiprocessing.util")

HOUR = 3600
FLUSH_SECONDS = 60.0
#: How long the end of a process waits until its last counts are written.
LAST_SECONDS = 3.0
#: How many counts are written in one transaction.
MAX_ROWS = 100
#: How many clients are counted between two writes, and how many counts are kept while the database is unreachable.
MAX_CLIENTS = MAX_UNWRITTEN = 20_000
log = get_logger("grantwright.activity")


class Counted(NamedTuple):
    """What a count is about."""

    #: The client's row id.
    client: str
    #: The beginning of the hour.
    began_at: int
    kind: str


class ActivityCounts:
    """The counts of this process that aren't written yet."""

    def __init__(self, write: Callable[[Mapping[Counted, int]], None]) -> None:
        """``write`` adds some counts to those in the database, all or none."""
        self._write = write
        self._begin()
        renew_in_child(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        #: What clients did since the last time, by client and kind: the cheapest that a request can do.
        self._counts: dict[str, dict[str, int]] = {}
        #: What couldn't be written before.
        self._unwritten: dict[Counted, int] = {}
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()

    def leave_to_parent(self) -> None:
        """Begin with nothing: the parent writes its counts itself."""
        self._begin()

    def add(self, client: str, kind: str) -> None:
        """Count something that a client, named by its row id, did now."""
        with self._lock:
            try:
                self._counts[client][kind] += 1
            except KeyError:
                self._add_first(client, kind)

    def _add_first(self, client: str, kind: str) -> None:
        if self._thread is None:
            self._start()
        if client in self._counts or len(self._counts) < MAX_CLIENTS:
            self._counts.setdefault(client, {})[kind] = 1

    def copy(self, clients: Collection[str]) -> dict[Counted, int]:
        """Return the counts of some clients, by row id: requests wait meanwhile, so the others' aren't looked at."""
        with self._lock:
            counts = {client: self._counts[client] for client in clients if client in self._counts}
            unwritten = {counted: total for counted, total in self._unwritten.items() if counted.client in clients}
            return _add_up(counts, unwritten)

    def flush(self) -> None:
        """Write all counts; those that can't be written now stay for the next time."""
        with self._lock:
            ordered = sorted(_add_up(self._counts, self._unwritten).items())
            self._counts, self._unwritten = {}, {}
        # Sorted, so that processes that write at the same time don't wait for each other in a circle.
        for start in range(0, len(ordered), MAX_ROWS):
            rows = ordered[start : start + MAX_ROWS]
            try:
                self._write(dict(rows))
            except (DatabaseUnavailableError, SchemaMissingError) as error:
                log.warning("clients' activity could not be written", error=type(error).__name__)
                self._keep(ordered[start:])
                return
            except Exception:
                log.exception("clients' activity was lost", counts=len(rows))

    def _keep(self, rows: Iterable[tuple[Counted, int]]) -> None:
        with self._lock:
            for counted, total in rows:
                if counted in self._unwritten or len(self._unwritten) < MAX_UNWRITTEN:
                    self._unwritten[counted] = self._unwritten.get(counted, 0) + total

    def end(self) -> None:
        """Write all counts, waiting for a few seconds at most. If there are more later, their thread starts again."""
        with self._lock:
            thread, is_over = self._thread, self._is_over
            self._thread, self._is_over = None, threading.Event()
        is_over.set()
        if thread is not None:
            thread.join(LAST_SECONDS)

    def _start(self) -> None:
        """Start the thread that writes. Neither it nor what is done at the end keeps the application in memory."""
        reference = weakref.ref(self)
        arguments = reference, self._is_over
        thread = threading.Thread(target=_flush_regularly, args=arguments, name="client activity", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # too many threads for now: the next client's count tries again
            return
        self._thread = thread
        # Also runs at the end of Granian's workers, which multiprocessing ends without the functions of atexit.
        last = multiprocessing_util.Finalize(None, _end, (reference,), exitpriority=0)
        weakref.finalize(self, _forget, self._is_over, last).atexit = False


def _add_up(counts: Mapping[str, Mapping[str, int]], unwritten: Mapping[Counted, int]) -> dict[Counted, int]:
    """Return counts of this hour, by client and kind, together with those that couldn't be written before."""
    hour, totals = clock.now() // HOUR * HOUR, dict(unwritten)
    for client, kinds in counts.items():
        for kind, total in kinds.items():
            counted = Counted(client, hour, kind)
            totals[counted] = totals.get(counted, 0) + total
    return totals


def _flush_regularly(reference: weakref.ref[ActivityCounts], is_over: threading.Event) -> None:
    """Write the counts once a minute, and when it's over, unless the application is gone."""
    current_environ.set({})  # statements wait no longer than those of a request
    while True:
        is_last = is_over.wait(FLUSH_SECONDS)
        counts = reference()
        if counts is None:
            return
        counts.flush()
        del counts
        if is_last:
            return


def _end(reference: weakref.ref[ActivityCounts]) -> None:
    counts = reference()
    if counts is not None:
        counts.end()


def _forget(is_over: threading.Event, last: multiprocessing_util.Finalize) -> None:
    """End the thread of an application that is gone, and don't wait for it at the end of the process."""
    is_over.set()
    last.cancel()
