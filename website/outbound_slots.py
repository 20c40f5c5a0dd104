"""Limits on concurrent requests to clients' URLs, in total and per host, and a pause for slow hosts.

Every waiting request occupies a thread. So all fetches together get a quarter of a node's threads, one host gets one of
them (two if it is known to be fast), and all hosts not known to be fast share half of them: strangers' slow hosts can't
block well-behaved ones. Half of that half is for hosts that weren't slow in the last hour, so that hosts which are slow
again and again don't block new ones. Among hosts not known to be fast, one visitor's network gets one request at a
time, and so does one domain, which has any number of names. A request ends at its deadline, and its thread may outlive
it, which ``outbound_overdue.py`` limits.
"""

from __future__ import annotations

import threading
import time

from .outbound_overdue import OverdueThreads, domain_of

#: A host that takes longer is slow.
SLOW_SECONDS = 1.0
#: How long a fast response counts in favor of a host.
GOOD_SECONDS = 86400.0
#: How long a slow response counts against a host, whatever counts in favor of it meanwhile.
DISTRUST_SECONDS = 3600.0
MAX_HOSTS = 1000


class Slots:
    """The current requests of one kind in a process, by host regardless of port."""

    def __init__(self, total: int, to_one_host: int, left_alone_seconds: float = 0.0) -> None:
        self._total, self._to_one_host, self._left_alone_seconds = total, to_one_host, left_alone_seconds
        #: The host of each request, and the network of the visitor, if any.
        self._under_way: list[tuple[str, str]] = []
        self._overdue = OverdueThreads()
        self._good_until: dict[str, float] = {}
        self._slow_until: dict[str, float] = {}
        self._distrusted_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, host: str, network: str = "") -> str:
        """Take a slot for a host; return the reason if there is none, else an empty string.

        ``network`` is that of the visitor for whom the request is sent.
        """
        now = time.monotonic()
        with self._lock:
            if self._slow_until.get(host, 0) > now:
                return "its host was slow recently"
            if not self._has_room(host, network, now):
                return "too many requests are in progress"
            refusal = self._overdue.find_refusal(host, network, is_good=self._is_good(host, now))
            if not refusal:
                self._under_way.append((host, network))
        return refusal

    def give_back(
        self, host: str, seconds: float, thread: threading.Thread | None = None, *, network: str = "", is_good: bool
    ) -> None:
        """Return a slot after so many seconds; a fast and good response counts for the host, a slow one against it.

        ``thread`` is that of the request, which may still be running.
        """
        now = time.monotonic()
        with self._lock:
            self._under_way.remove((host, network))
            if thread is not None and thread.is_alive():
                self._overdue.add(thread, host, network)
            if seconds > SLOW_SECONDS:
                self._good_until.pop(host, None)
                if self._left_alone_seconds:
                    _remember(self._slow_until, host, now + self._left_alone_seconds)
                    _remember(self._distrusted_until, host, now + DISTRUST_SECONDS)
            elif is_good and not self._is_distrusted(host, now):
                _remember(self._good_until, host, now + GOOD_SECONDS)

    def vouch_for(self, host: str) -> None:
        """Count a host as fast until it is slow, unless it was lately."""
        now = time.monotonic()
        with self._lock:
            if not self._is_distrusted(host, now):
                _remember(self._good_until, host, now + GOOD_SECONDS)

    def _has_room(self, host: str, network: str, now: float) -> bool:
        if len(self._under_way) >= self._total:
            return False
        to_host = sum(name == host for name, _network in self._under_way)
        if not self._left_alone_seconds or self._is_good(host, now):
            return to_host < self._to_one_host
        strangers = [(name, visitors) for name, visitors in self._under_way if not self._is_good(name, now)]
        is_visitor_waiting = network != "" and any(visitors == network for _name, visitors in strangers)
        is_domain_busy = any(domain_of(name) == domain_of(host) for name, _visitors in strangers)
        if is_domain_busy or is_visitor_waiting or len(strangers) >= max(1, self._total // 2):
            return False
        distrusted = sum(self._is_distrusted(name, now) for name, _visitors in strangers)
        return not self._is_distrusted(host, now) or distrusted < max(1, self._total // 4)

    def _is_good(self, host: str, now: float) -> bool:
        return self._good_until.get(host, 0) > now

    def _is_distrusted(self, host: str, now: float) -> bool:
        return self._distrusted_until.get(host, 0) > now


def _remember(until: dict[str, float], host: str, moment: float) -> None:
    until.pop(host, None)  # keep the order of the latest times
    if len(until) >= MAX_HOSTS:
        del until[next(iter(until))]
    until[host] = moment
