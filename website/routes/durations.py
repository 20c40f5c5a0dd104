"""Owns how a length of time is written for a person."""

from __future__ import annotations

UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def write_duration(seconds: int) -> str:
    """Write a length of time in the largest unit that says it whole: 90 seconds, 2 minutes, 1 day; none is empty."""
    for unit, length in UNITS:
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return ""
