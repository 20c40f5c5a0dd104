"""Lengths of time as people read them."""

from __future__ import annotations

from flask_babel import ngettext


def write_duration(seconds: int) -> str:
    """Write a length of time in the largest unit that says it whole: 90 seconds, 2 minutes, 1 day; none is empty."""
    if not seconds:
        return ""
    if seconds % 86400 == 0:
        return ngettext("%(num)s day", "%(num)s days", seconds // 86400)
    if seconds % 3600 == 0:
        return ngettext("%(num)s hour", "%(num)s hours", seconds // 3600)
    if seconds % 60 == 0:
        return ngettext("%(num)s minute", "%(num)s minutes", seconds // 60)
    return ngettext("%(num)s second", "%(num)s seconds", seconds)


def write_wait(seconds: int) -> str:
    """Write how long to wait, from one and a half minutes on in minutes: rounded up, so that it's over by then."""
    return write_duration(seconds if seconds < 90 else -(-seconds // 60) * 60)
