"""Owns the rate limits: how many requests a minute one address may send to what costs us something.

A token bucket per address and purpose: it holds a minute's worth, and fills evenly. Counted in this process alone; off
in the demo. Written out here because every token request pays for it: a general library was measured at a quarter of
the whole request.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from .login_throttle import network_of
from .settings import RATE_LIMITS, Settings

TOKEN, AUTHORIZE, LOGIN, REGISTER = "token", "authorize", "login", "register"
#: Addresses that are remembered for each purpose; beyond it the one that was quiet longest starts anew.
MAX_ADDRESSES = 50_000
_MINUTE = 60.0


class RateLimits:
    """The limits of one process."""

    def __init__(self, settings: Settings) -> None:
        in_force = {} if settings.demo else {**RATE_LIMITS, **settings.rate_limits}
        self._buckets = {name: _Buckets(requests) for name, requests in in_force.items() if requests}

    def wait_for(self, name: str, address: str | None) -> int:
        """Count a request from an address; return for how many seconds it has to wait, 0 being not at all."""
        buckets = self._buckets.get(name)
        return 0 if buckets is None else buckets.take(network_of(address))


class _Buckets:
    """The buckets of one purpose: for each network when its bucket will be full again, or was."""

    def __init__(self, requests_a_minute: int) -> None:
        self._seconds_each = _MINUTE / requests_a_minute
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, network: str) -> int:
        present = time.monotonic()
        with self._lock:
            full_at = max(self._full_at.get(network, 0.0), present) + self._seconds_each
            if full_at - present > _MINUTE:
                return int(full_at - present - _MINUTE) + 1
            self._full_at[network] = full_at
            self._full_at.move_to_end(network)
            if len(self._full_at) > MAX_ADDRESSES:
                self._full_at.popitem(last=False)
        return 0
