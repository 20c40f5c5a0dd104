"""Threads for requests to the authorization server, so that an event loop never waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

from .refusals import UnavailableError

T = TypeVar("T")
THREADS, MAX_WAITING = 16, 64


class BoundedPool:
    """A few threads, started when they are needed, and a limited queue in front of them."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="grantwright-protector")
        self._places = BoundedSemaphore(THREADS + MAX_WAITING)

    async def run(self, function: Callable[[str], T], argument: str) -> T:
        """Call a function in a thread. Raises :class:`.refusals.UnavailableError` if too many calls wait already."""
        if not self._places.acquire(blocking=False):
            raise UnavailableError
        future = self._executor.submit(function, argument)
        # When the thread is done, not when the caller goes away.
        future.add_done_callback(lambda _done: self._places.release())
        return await asyncio.wrap_future(future)
