"""The turns of receivers with due messages: fast ones first, and slow ones never in all threads."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

#: Concurrent messages, not counting those to receivers that turned out to hang, which don't delay others.
AT_ONCE = 16
#: Concurrent messages including those.
MAX_THREADS = 4 * AT_ONCE
#: The maximum for receivers not yet known to be fast, which anybody may register.
MAX_UNPROVED = AT_ONCE // 4
#: The part of it for receivers that were slow or failed last time, which leaves some for new ones.
MAX_SLOW = MAX_UNPROVED // 2
#: A receiver that takes longer is slow.
SLOW_SECONDS = 1.0
#: The number of receivers whose speed is remembered; the least recently served one is forgotten first.
MAX_REMEMBERED = 10_000
QUICK, UNKNOWN, SLOW = range(3)


@dataclass(slots=True)
class Turn:
    """One delivery to a receiver: whether it failed, and how many seconds it took."""

    has_failed: bool = False
    seconds: float = 0.0


class Turns:
    """The receivers' speed as seen by this process, and whose turn is next."""

    def __init__(self) -> None:
        #: Each receiver's speed and the number of its last turn, in the order of turns.
        self._remembered: dict[str, tuple[int, int]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @contextmanager
    def timing(self, receiver: str) -> Iterator[Turn]:
        """Measure a turn, and remember the receiver's speed."""
        turn, began_at = Turn(), time.monotonic()
        try:
            yield turn
        finally:
            turn.seconds = time.monotonic() - began_at
            is_slow = turn.has_failed or turn.seconds > SLOW_SECONDS
            with self._lock:
                self._remembered.pop(receiver, None)
                self._remembered[receiver] = (SLOW if is_slow else QUICK, next(self._numbers))
                if len(self._remembered) > MAX_REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]

    def choose(self, due: Sequence[str], under_way: Mapping[str, float]) -> list[str]:
        """Return the receivers among ``due`` whose turns start now, fast ones first.

        ``under_way`` has the current turns with their duration so far in seconds. Within a kind, the receiver with the
        oldest last turn comes first; receivers without one stay in the order of ``due``.
        """
        with self._lock:
            classes = {receiver: self._remembered.get(receiver, (UNKNOWN, 0)) for receiver in (*due, *under_way)}
        # A receiver that was fast before but hangs now doesn't count.
        hangs = [
            receiver
            for receiver, seconds in under_way.items()
            if classes[receiver][0] == QUICK and seconds > SLOW_SECONDS
        ]
        kinds = [classes[receiver][0] for receiver in under_way if receiver not in hangs]
        chosen: list[str] = []
        for receiver in sorted(
            (receiver for receiver in due if receiver not in under_way), key=lambda receiver: classes[receiver]
        ):
            kind = classes[receiver][0]
            unproved, slow = len(kinds) - kinds.count(QUICK), kinds.count(SLOW)
            has_room = kind == QUICK or (unproved < MAX_UNPROVED and (kind == UNKNOWN or slow < MAX_SLOW))
            if has_room and len(kinds) < AT_ONCE and len(under_way) + len(chosen) < MAX_THREADS:
                chosen.append(receiver)
                kinds.append(kind)
        return chosen
