"""How many requests to addresses that clients named may be under way, and which hosts are left alone for a while.

Whoever waits for an answer holds a thread. So all who wait for documents together hold a quarter of a node's threads,
one host holds one of them (two if it is known to be quick), and hosts that are not known to be quick hold half of them
together: slow hosts of strangers leave room for those in good order.
"""

from __future__ import annotations

import threading
import time

#: A host that took longer is a slow one.
SLOW_SECONDS = 1.0
#: For how long a quick answer speaks for a host.
GOOD_SECONDS = 86400.0
MAX_HOSTS = 1000


class Slots:
    """The requests of one kind that are under way in a process, by host, whatever the port."""

    def __init__(self, total: int, to_one_host: int, left_alone_seconds: float = 0.0) -> None:
        self._total, self._to_one_host, self._left_alone_seconds = total, to_one_host, left_alone_seconds
        self._under_way: dict[str, int] = {}
        self._good_until: dict[str, float] = {}
        self._slow_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, host: str) -> str:
        """Take a slot for a host; return why there is none for it, and nothing where there is."""
        now = time.monotonic()
        with self._lock:
            if self._slow_until.get(host, 0) > now:
                return "its host was slow a moment ago"
            if not self._has_room(host, now):
                return "too many requests are under way"
            self._under_way[host] = self._under_way.get(host, 0) + 1
        return ""

    def give_back(self, host: str, seconds: float, *, is_good: bool) -> None:
        """Give a slot back after so long; a quick and good answer speaks for the host, a slow one against it."""
        now = time.monotonic()
        with self._lock:
            self._under_way[host] -= 1
            if not self._under_way[host]:
                del self._under_way[host]
            if seconds > SLOW_SECONDS:
                self._good_until.pop(host, None)
                if self._left_alone_seconds:
                    _remember(self._slow_until, host, now + self._left_alone_seconds)
            elif is_good:
                _remember(self._good_until, host, now + GOOD_SECONDS)

    def _has_room(self, host: str, now: float) -> bool:
        if sum(self._under_way.values()) >= self._total:
            return False
        to_host = self._under_way.get(host, 0)
        if not self._left_alone_seconds or self._is_good(host, now):
            return to_host < self._to_one_host
        strangers = sum(count for name, count in self._under_way.items() if not self._is_good(name, now))
        return to_host == 0 and strangers < max(1, self._total // 2)

    def _is_good(self, host: str, now: float) -> bool:
        return self._good_until.get(host, 0) > now


def _remember(until: dict[str, float], host: str, moment: float) -> None:
    until.pop(host, None)  # so that the order is that of the last time
    if len(until) >= MAX_HOSTS:
        del until[next(iter(until))]
    until[host] = moment
