"""The rate limits: requests per minute for each address, and for each authenticated client.

Each has a token bucket, with one minute's worth of requests, that fills evenly. Counted per process; off in the demo.
Hand-written because every token request uses it: a general library took a quarter of the whole request's time.

Every request is first charged to its address. If it has a valid credential (a secret, a key, a refresh token, a token
for registering), it is charged to the credential's holder instead.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from ..request_context import CountedNetworks, Environ
from ..settings import INITIAL_ACCESS_TOKEN, RATE_LIMITS, TRUSTED_NETWORKS, Settings

TOKEN, AUTHORIZE, LOGIN, REGISTER, DEVICE = "token", "authorize", "login", "register", "device"
#: The maximum number of buckets per purpose; the least recently used one is dropped.
MAX_BUCKETS = 50_000
#: The environ keys for the limit that the address was charged with, and for how long it has to wait.
CHARGED, OVER_LIMIT = "grantwright.charged", "grantwright.over_limit"
_MINUTE = 60.0


class RateLimits:
    """The limits of one process."""

    def __init__(self, settings: Settings) -> None:
        in_force = {} if settings.demo else {**RATE_LIMITS, **settings.rate_limits}
        self._network_of = CountedNetworks(in_force.pop(TRUSTED_NETWORKS, [])).find
        numbers = {name: requests for name, requests in in_force.items() if requests}
        self._addresses = {name: _Buckets(requests) for name, requests in numbers.items()}
        self._holders = {name: _Buckets(numbers[name]) for name in (TOKEN, REGISTER) if name in numbers}
        if INITIAL_ACCESS_TOKEN in numbers:
            self._holders[INITIAL_ACCESS_TOKEN] = _Buckets(numbers[INITIAL_ACCESS_TOKEN])

    def counts_addresses(self, name: str) -> bool:
        """Tell whether addresses have a limit of this name."""
        return name in self._addresses

    def charge_address(self, environ: Environ, name: str) -> int:
        """Charge a request to its address; return how many seconds it has to wait, or 0."""
        buckets = self._addresses.get(name)
        network = self._network_of(environ.get("REMOTE_ADDR")) if buckets is not None else None
        if buckets is None or network is None:
            return 0
        wait = buckets.take(network)
        if wait:
            environ[OVER_LIMIT] = wait
        else:
            environ[CHARGED] = buckets, network
        return wait

    def charge_address_besides(self, environ: Environ, name: str) -> bool:
        """Charge to its address something that a request causes besides; tell whether that is within the limit.

        It isn't refunded, and the request itself isn't over a limit because of it.
        """
        buckets = self._addresses.get(name)
        network = self._network_of(environ.get("REMOTE_ADDR")) if buckets is not None else None
        return buckets is None or network is None or not buckets.take(network)

    def charge_holder(self, name: str, holder: str) -> int:
        """Charge a request to the holder of its credential; return how many seconds it has to wait, or 0."""
        buckets = self._holders.get(name)
        return 0 if buckets is None else buckets.take(holder)

    def spare_address(self, environ: Environ) -> None:
        """Refund the charge to a request's address, once."""
        charged = environ.pop(CHARGED, None)
        if charged is not None:
            buckets, network = charged
            buckets.give_back(network)


class _Buckets:
    """The buckets of one purpose: the time when each holder's bucket is full."""

    def __init__(self, requests_a_minute: int) -> None:
        self._seconds_each = _MINUTE / requests_a_minute
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, holder: str) -> int:
        now = time.monotonic()
        with self._lock:
            full_at = self._full_at.get(holder, 0.0)
            full_at = (full_at if full_at > now else now) + self._seconds_each
            if full_at - now > _MINUTE:
                return int(full_at - now - _MINUTE) + 1
            self._full_at[holder] = full_at
            self._full_at.move_to_end(holder)
            if len(self._full_at) > MAX_BUCKETS:
                self._full_at.popitem(last=False)
        return 0

    def give_back(self, holder: str) -> None:
        with self._lock:
            if holder in self._full_at:
                self._full_at[holder] -= self._seconds_each
