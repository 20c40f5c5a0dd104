"""A document of the authorization server, fetched when it's old, and kept while the server is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from .refusals import UnavailableError

T = TypeVar("T")
DAY = 24 * 3600.0


class CachedDocument(Generic[T]):
    """One document. ``fetch`` returns it, or raises :class:`.refusals.UnavailableError`.

    A copy is fresh for ``fresh_seconds`` and is used for ``keep_seconds`` if no newer one can be fetched. There are at
    least ``pause_seconds`` between two attempts, as anybody can make up key names and would keep us fetching; without
    any copy, one second.
    """

    def __init__(
        self, fetch: Callable[[], T], fresh_seconds: float, pause_seconds: float = 10.0, keep_seconds: float = DAY
    ) -> None:
        self._fetch = fetch
        self._fresh_seconds, self._pause_seconds, self._keep_seconds = fresh_seconds, pause_seconds, keep_seconds
        self._copy: T | None = None
        self._fetched_at = self._tried_at = float("-inf")
        #: Whether the last attempt failed, so that the copy may be behind.
        self.is_outdated = False
        self._lock = Lock()

    def recall(self) -> T | None:
        """Return the copy if it doesn't have to be fetched now. Never waits."""
        copy, now = self._copy, time.monotonic()
        is_fresh = now - self._fetched_at <= self._fresh_seconds
        # While one thread fetches a new copy, the others go on with the old one.
        return copy if is_fresh or (self._is_kept(now) and now - self._tried_at < self._pause_seconds) else None

    def get(self) -> T:
        """Return the document, fetched now if it's old. Raises :class:`.refusals.UnavailableError`."""
        copy = self.recall()
        return self.renew() if copy is None else copy

    def renew(self) -> T:
        """Return a new copy, or the present one if it's too early for the next attempt or the server is away.

        Raises :class:`.refusals.UnavailableError` if there is none.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._tried_at >= (1.0 if self._copy is None else self._pause_seconds):
                self._try()
            if self._copy is None or not self._is_kept(time.monotonic()):
                raise UnavailableError
            return self._copy

    def _try(self) -> None:
        self._tried_at = time.monotonic()  # before, so that other threads go on with the copy
        try:
            self._copy = self._fetch()
        except UnavailableError:
            self.is_outdated = True
        else:
            self.is_outdated, self._fetched_at = False, time.monotonic()
        self._tried_at = time.monotonic()  # after, so that those who waited don't all try in turn

    def _is_kept(self, now: float) -> bool:
        return now - self._fetched_at <= self._keep_seconds
