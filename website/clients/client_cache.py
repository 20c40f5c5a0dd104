"""Recently used clients in memory, found by row id or client_id, and each forgotten when it changes."""

from __future__ import annotations

from ..bounded_cache import BoundedCache
from .client import Client

#: The maximum memory for cached clients in a process: that of some 20,000.
MAX_CACHED_BYTES = 64 * 1024 * 1024


class ClientCache(BoundedCache[str, Client]):
    """The clients that a process used last, by row id."""

    def __init__(self) -> None:
        super().__init__(MAX_CACHED_BYTES)
        self._row_ids: dict[str, str] = {}

    def find(self, client_id: str) -> Client | None:
        """Return the client with a client_id if it is in memory."""
        row_id = self._row_ids.get(client_id)
        return None if row_id is None else self.get(row_id)

    def _after_put(self, value: Client) -> None:
        self._row_ids[value.client_id] = value.id

    def _after_drop(self, value: Client) -> None:
        self._row_ids.pop(value.client_id, None)
