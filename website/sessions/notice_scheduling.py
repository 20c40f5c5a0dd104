"""Turns of clients that are due a notice: quick clients first, and no crowd of slow ones in all the threads."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

#: Notices that are sent at once, without those whose client turned out to hang: they hold up nobody.
AT_ONCE = 16
#: And with those.
MAX_THREADS = 4 * AT_ONCE
#: Of these, at most so many to clients that have not yet shown that they answer quickly: anybody may register some.
MAX_UNPROVED = AT_ONCE // 4
#: And of those, to clients that were slow or failed the last time: one that is new has room beside them.
MAX_SLOW = MAX_UNPROVED // 2
#: Who takes longer is slow.
SLOW_SECONDS = 1.0
#: Clients of which it is remembered how they answered; the one served longest ago is forgotten first.
MAX_REMEMBERED = 10_000
QUICK, UNKNOWN, SLOW = range(3)


@dataclass(slots=True)
class Turn:
    """One notice's way to a client: whether it failed, and how many seconds it took."""

    has_failed: bool = False
    seconds: float = 0.0


class Turns:
    """How clients answered this process, and whose turn is next."""

    def __init__(self) -> None:
        #: Of each client how it answered, and the number of its last turn; in the order of the turns.
        self._remembered: dict[str, tuple[int, int]] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @contextmanager
    def timing(self, client: str) -> Iterator[Turn]:
        """Measure a turn, and remember how the client answered."""
        turn, begun = Turn(), time.monotonic()
        try:
            yield turn
        finally:
            turn.seconds = time.monotonic() - begun
            is_slow = turn.has_failed or turn.seconds > SLOW_SECONDS
            with self._lock:
                self._remembered.pop(client, None)
                self._remembered[client] = (SLOW if is_slow else QUICK, next(self._numbers))
                if len(self._remembered) > MAX_REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]

    def choose(self, due: Sequence[str], under_way: Mapping[str, float]) -> list[str]:
        """Return the clients whose turns begin now, of those that are due one: the quick ones first.

        ``under_way`` are the turns that have begun, each with the seconds that it has taken so far.

        Within a kind the one whose last turn is longest ago; where none had one, as they stand in ``due``.
        """
        with self._lock:
            held = {client: self._remembered.get(client, (UNKNOWN, 0)) for client in (*due, *under_way)}
        # One that answered quickly once and hangs now takes nobody's place.
        hangs = [client for client, seconds in under_way.items() if held[client][0] == QUICK and seconds > SLOW_SECONDS]
        kinds = [held[client][0] for client in under_way if client not in hangs]
        chosen: list[str] = []
        for client in sorted((client for client in due if client not in under_way), key=lambda client: held[client]):
            kind = held[client][0]
            unproved, slow = len(kinds) - kinds.count(QUICK), kinds.count(SLOW)
            has_room = kind == QUICK or (unproved < MAX_UNPROVED and (kind == UNKNOWN or slow < MAX_SLOW))
            if has_room and len(kinds) < AT_ONCE and len(under_way) + len(chosen) < MAX_THREADS:
                chosen.append(client)
                kinds.append(kind)
        return chosen
