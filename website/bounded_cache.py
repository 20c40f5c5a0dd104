"""A first-in, first-out cache with a limit in bytes, so that nobody can exhaust the memory."""

from __future__ import annotations

import sys
import threading
from typing import Any, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Values by key, each with its estimated size."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._values: dict[K, V] = {}
        self._sizes: dict[K, int] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """The estimated size of all values."""
        return self._bytes

    def get(self, key: K) -> V | None:
        """Return a value, or ``None``. Doesn't lock, as the most frequent requests read here."""
        return self._values.get(key)

    def put(self, key: K, value: V, size: int) -> None:
        """Cache a value of ``size`` bytes, unless it is larger than the whole cache."""
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
    """Estimate the memory of a JSON value in bytes. Takes a few microseconds for a registration."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(size_of(name) + size_of(member) for name, member in value.items())
    if isinstance(value, (list, tuple)):
        return size + sum(map(size_of, value))
    return size
