"""Limits on concurrent requests to clients' URLs, in total and per host, and a pause for slow hosts.

Every waiting request occupies a thread. So all fetches together get a quarter of a node's threads, one host gets one of
them (two if it is known to be fast), and all hosts not known to be fast share half of them: strangers' slow hosts can't
block well-behaved ones.
"""

from __future__ import annotations

import threading
import time

#: A host that takes longer is slow.
SLOW_SECONDS = 1.0
#: How long a fast response counts in favor of a host.
GOOD_SECONDS = 86400.0
MAX_HOSTS = 1000


class Slots:
    """The current requests of one kind in a process, by host regardless of port."""

    def __init__(self, total: int, to_one_host: int, left_alone_seconds: float = 0.0) -> None:
        self._total, self._to_one_host, self._left_alone_seconds = total, to_one_host, left_alone_seconds
        self._under_way: dict[str, int] = {}
        self._good_until: dict[str, float] = {}
        self._slow_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, host: str) -> str:
        """Take a slot for a host; return the reason if there is none, else an empty string."""
        now = time.monotonic()
        with self._lock:
            if self._slow_until.get(host, 0) > now:
                return "its host was slow recently"
            if not self._has_room(host, now):
                return "too many requests are in progress"
            self._under_way[host] = self._under_way.get(host, 0) + 1
        return ""

    def give_back(self, host: str, seconds: float, *, is_good: bool) -> None:
        """Return a slot after so many seconds; a fast and good response counts for the host, a slow one against it."""
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

    def vouch_for(self, host: str) -> None:
        """Count a host as fast until it is slow."""
        now = time.monotonic()
        with self._lock:
            if self._slow_until.get(host, 0) <= now:
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
    until.pop(host, None)  # keep the order of the latest times
    if len(until) >= MAX_HOSTS:
        del until[next(iter(until))]
    until[host] = moment
