"""Owns the present moment: whole seconds since the epoch, UTC."""

import time


def now() -> int:
    """Return the present as seconds since the epoch, as every ``*_at`` column and JWT NumericDate counts."""
    return int(time.time())
