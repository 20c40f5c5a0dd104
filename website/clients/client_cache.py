"""Recently used clients in memory, found by row id or client_id, and each forgotten when it changes."""

from __future__ import annotations

from ..bounded_cache import BoundedCache, size_of
from .client import Client

#: The maximum memory for cached clients in a process, and the memory of each besides metadata and secrets.
MAX_CACHED_BYTES, BYTES_OF_A_CLIENT = 32 * 1024 * 1024, 2048


class ClientCache(BoundedCache[str, Client]):
    """The clients that a process used last, by row id."""

    def __init__(self) -> None:
        super().__init__(MAX_CACHED_BYTES)
        self._row_ids: dict[str, str] = {}

    def find(self, client_id: str) -> Client | None:
        """Return the client with a client_id if it is in memory."""
        row_id = self._row_ids.get(client_id)
        return None if row_id is None else self.get(row_id)

    def put_client(self, client: Client, version: int) -> None:
        """Cache a client that was read when the cache had this version."""
        size = size_of({**client.metadata}) + size_of(client.secrets) + size_of(client.redirect_uris)
        size += size_of(client.claim_maps)
        self.put(client.id, client, BYTES_OF_A_CLIENT + size, version)

    def _after_put(self, value: Client) -> None:
        self._row_ids[value.client_id] = value.id

    def _after_drop(self, value: Client) -> None:
        self._row_ids.pop(value.client_id, None)
