"""Owns the rate limits: how many requests a minute one address may send to what costs us something.

Counted in this process, by a sliding window; off in the demo.
"""

from __future__ import annotations

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from .login_throttle import network_of
from .settings import RATE_LIMITS, Settings

#: How long whoever sent too much is told to wait: the window slides, so part of a minute frees part of the limit.
RETRY_SECONDS = 5
TOKEN, AUTHORIZE, LOGIN = "token", "authorize", "login"


class RateLimits:
    """The limits of one process."""

    def __init__(self, settings: Settings) -> None:
        in_force = {} if settings.demo else {**RATE_LIMITS, **settings.rate_limits}
        self._items: dict[str, RateLimitItem] = {
            name: RateLimitItemPerMinute(requests) for name, requests in in_force.items() if requests
        }
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage()) if self._items else None

    def is_exceeded(self, name: str, address: str | None) -> bool:
        """Count a request from an address; tell whether there were too many of late."""
        item = self._items.get(name)
        if item is None or self._limiter is None:
            return False
        return not self._limiter.hit(item, name, network_of(address))
