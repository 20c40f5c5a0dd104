"""Several things done at one moment, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.waiting import ANSWER_SECONDS


def at_once(number: int, act: Callable[[int], Any]) -> list[Any]:
    """Do something in as many threads, all let go at one moment."""
    barrier = threading.Barrier(number)

    def wait_and_act(index: int) -> Any:
        barrier.wait(ANSWER_SECONDS)
        return act(index)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(wait_and_act, range(number)))
