"""A cache with a limit in bytes that drops what hasn't been used for longest, so that nobody can exhaust the memory."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any, Generic, TypeVar

#: What a value takes in a list or an object, besides its characters.
BYTES_OF_A_VALUE = 64
K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """Values by key, each with its estimated size."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        #: Values with their sizes, the most recently used last.
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        #: How often values were forgotten, see :meth:`put`.
        self.version = 0

    @property
    def bytes(self) -> int:
        """The estimated size of all values."""
        return self._bytes

    def get(self, key: K) -> V | None:
        """Return a value, or ``None``. Doesn't lock, as the most frequent requests read here."""
        try:
            self._entries.move_to_end(key)
            return self._entries[key][0]
        except KeyError:  # the second line too: another thread may have dropped it meanwhile
            return None

    def put(self, key: K, value: V, size: int, version: int | None = None) -> None:
        """Cache a value of ``size`` bytes, unless it is larger than the whole cache.

        ``version`` is the cache's before the value was read: if anything was forgotten since, the value may be outdated
        and isn't cached.
        """
        with self._lock:
            if version is not None and version != self.version:
                return
            self._drop(key)
            if size > self._max_bytes:
                return
            while self._bytes + size > self._max_bytes:
                _key, (oldest, oldest_size) = self._entries.popitem(last=False)
                self._bytes -= oldest_size
                self._after_drop(oldest)
            self._entries[key] = value, size
            self._bytes += size
            self._after_put(value)

    def forget(self, keys: Collection[K] | None) -> None:
        """Drop the values of some keys, or all with ``None``, and those that other threads are just reading."""
        with self._lock:
            self.version += 1
            # Copied in one step, as readers reorder the entries without the lock.
            for key in list(self._entries) if keys is None else keys:
                self._drop(key)

    def forget_values(self, is_outdated: Callable[[V], bool]) -> None:
        """Drop some values, and those that other threads are just reading. Looks at every value."""
        with self._lock:
            self.version += 1
            for key, (value, _size) in list(self._entries.items()):
                if is_outdated(value):
                    self._drop(key)

    def _drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            value, size = entry
            self._bytes -= size
            self._after_drop(value)

    def _after_put(self, value: V) -> None:
        """For subclasses with an index of their own; no other thread changes the cache meanwhile."""

    def _after_drop(self, value: V) -> None:
        """Like :meth:`_after_put`."""


def size_of(value: Any) -> int:
    """Estimate the memory of a JSON value in bytes. Takes a few microseconds for a registration."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(size_of(name) + size_of(member) for name, member in value.items())
    if isinstance(value, (list, tuple)):
        return size + sum(map(size_of, value))
    return size


def size_of_json(text: str) -> int:
    """Estimate the memory of the JSON value that a text encodes, within a microsecond."""
    values = text.count(",") + text.count(":") + text.count("[") + text.count("{")
    # One character outside ASCII, which the text may have as \uXXXX, makes each of its string up to four times as wide.
    return values * BYTES_OF_A_VALUE + len(text) * (4 if "\\u" in text or not text.isascii() else 1)
