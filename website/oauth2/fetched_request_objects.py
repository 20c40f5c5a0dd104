"""Fetching clients' request objects by reference, each at most once in a few seconds."""

from __future__ import annotations

import time

from ..bounded_cache import BoundedCache, size_of
from ..outbound import Outbound
from ..outbound_errors import OutboundBusyError

CONTENT_TYPES = ("application/oauth-authz-req+jwt", "application/jwt")
#: How long a fetched object is reused; longer while no slot for fetching is free.
SECONDS_BETWEEN, SECONDS_WITHOUT_ROOM = 2.0, 60.0
MAX_CACHED_BYTES = 4 * 1024 * 1024


class RequestObjectDocuments:
    """The request objects that one process fetched recently."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        #: By client and URL: when it was fetched, and the object.
        self._kept: BoundedCache[tuple[str, str], tuple[float, str]] = BoundedCache(MAX_CACHED_BYTES)

    def fetch(self, client: str, url: str) -> str:
        """Return the object at a URL, for a client's row. Raises ``OutboundError`` or ``ValueError``."""
        now = time.monotonic()
        fetched_at, text = self._kept.get((client, url)) or (float("-inf"), "")
        if fetched_at + SECONDS_BETWEEN > now:
            return text
        try:
            text = self._outbound.fetch(url, CONTENT_TYPES).decode("ascii").strip()
        except OutboundBusyError:
            if fetched_at + SECONDS_WITHOUT_ROOM > now:
                return text
            raise
        self._kept.put((client, url), (now, text), size_of((client, url, text)))
        return text
