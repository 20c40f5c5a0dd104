"""Waits until something is so: a test never waits for a time and hopes.

A machine may be slow or busy: what a test allows is multiplied by PATIENCE, and to wait longer costs a test that passes
nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

#: The factor of every limit; GRANTWRIGHT_TEST_PATIENCE=4 gives a slow machine four times as long.
PATIENCE = float(os.environ.get("GRANTWRIGHT_TEST_PATIENCE", "1"))

#: How often a server in a thread of the tests looks whether it is to end; by default every half second.
POLL_SECONDS = 0.02


def seconds(usual: float) -> float:
    """Return how many seconds to allow for what usually takes far less than ``usual`` seconds."""
    return usual * PATIENCE


#: What a test allows for an answer, for a thread or for the end of a process: usually it is a moment.
ANSWER_SECONDS = seconds(120)


def wait_until(is_so: Callable[[], object], usual: float = 60, pause: float = 0.05) -> None:
    """Ask every ``pause`` seconds whether it is so; fail where it is not so in time."""
    deadline = time.monotonic() + seconds(usual)
    while not is_so():
        assert time.monotonic() < deadline, f"it did not come about within {seconds(usual)} seconds"
        time.sleep(pause)
