"""A cache of what was read, bounded by bytes: what came first goes first, and nobody fills the memory."""

from __future__ import annotations

import sys
import threading
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Values by key, each with an estimate of its size."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._values: dict[K, V] = {}
        self._sizes: dict[K, int] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """How much is in it, as it was estimated."""
        return self._bytes

    def get(self, key: K) -> V | None:
        """Return a value, or ``None``. Takes no lock: the hottest requests read here."""
        return self._values.get(key)

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of ``size`` bytes; one that is larger than all the room is not kept."""
        with self._lock:
            self._drop(key)
            if size > self._max_bytes:
                return
            while self._bytes + size > self._max_bytes:
                self._drop(next(iter(self._values)))
            self._values[key], self._sizes[key] = value, size
            self._bytes += size

    def _drop(self, key: K) -> None:
        if key in self._values:
            del self._values[key]
            self._bytes -= self._sizes.pop(key)


def size_of(value: Any) -> int:
    """Return about how many bytes a value of JSON's kinds takes in memory: some microseconds for a registration."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(size_of(name) + size_of(member) for name, member in value.items())
    if isinstance(value, (list, tuple)):
        return size + sum(map(size_of, value))
    return size
