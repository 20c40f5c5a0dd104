"""The current time in whole seconds since the epoch, UTC, on which the nodes of one database agree."""

from __future__ import annotations

import time

#: The accepted difference from the clocks of others: clients, and nodes that haven't asked the database yet.
SKEW_SECONDS = 60

#: What to add to the monotonic clock to get the time; ``None`` while this computer's own clock is right.
_base: float | None = None


def now() -> int:
    """Return the current time in seconds since the epoch, the unit of every ``*_at`` column and JWT NumericDate."""
    return int(time.time() if _base is None else time.monotonic() + _base)


def follow(base: float | None) -> None:
    """Use another clock, which is ``base`` seconds ahead of the monotonic one; ``None`` for this computer's own."""
    global _base  # noqa: PLW0603 - a process has one clock
    _base = base
