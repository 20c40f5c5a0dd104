"""Whether what one node changed is known to another one on time."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.waiting import ANSWER_SECONDS

KNOWN_EVERYWHERE_SECONDS = 1.5
#: How long a node waits for its database before it goes on with what it knew.
PATIENCE_SECONDS = 0.5


def within_its_time(holds: Callable[[], bool]) -> bool:
    """Tell whether something comes to hold on time; the answer that is under way at the end still counts.

    A node that gets no response from its database for half a second goes on with what it knew, and asks again a second
    later. On a busy machine that happens, so the time begins again after an answer that took so long.
    """
    began = time.monotonic()
    deadline, end = began + KNOWN_EVERYWHERE_SECONDS, began + ANSWER_SECONDS
    while True:
        asked_at = time.monotonic()
        if holds():
            return True
        answered_at = time.monotonic()
        if answered_at - asked_at >= PATIENCE_SECONDS and answered_at < end:
            deadline = answered_at + KNOWN_EVERYWHERE_SECONDS
        elif asked_at >= deadline:
            return False
        time.sleep(0.05)
