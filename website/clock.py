"""The current time in whole seconds since the epoch, UTC."""

import time


def now() -> int:
    """Return the current time in seconds since the epoch, the unit of every ``*_at`` column and JWT NumericDate."""
    return int(time.time())
