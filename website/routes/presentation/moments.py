"""Moments as people read them: a day, a time of day, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeGuard

from babel import Locale
from babel.dates import format_date, format_timedelta
from flask import Flask
from flask_babel import gettext as _
from markupsafe import Markup

from ... import clock
from ...translatable import N_
from ..language.translations import current_texts, translate

# Translators: a day, in the letters of CLDR's date patterns.
DAY_PATTERN = N_("d MMMM y")
MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS, MAX_REMEMBERED_DAYS = 60, 3600, 86400, 4096
#: What is further away is written as a day.
MAX_RELATIVE_SECONDS = 30 * DAY_SECONDS
#: The last second of the year 9999, after which Python has no dates.
LAST = 253_402_300_799
TIME = Markup('<time datetime="%s" title="%s">%s</time>')


def register(app: Flask) -> None:
    """Add the filters that write moments, each from seconds since 1970."""
    app.jinja_env.filters["day"] = write_day
    app.jinja_env.filters["moment"] = write_moment
    app.jinja_env.filters["machine_time"] = write_machine_time
    app.jinja_env.filters["ago"] = write_ago
    app.jinja_env.filters["log_time"] = write_log_time
    app.jinja_env.filters["hour"] = write_hour


def is_moment(value: object) -> TypeGuard[int]:
    """Tell whether a number from outside can be written as a moment."""
    return type(value) is int and 0 <= value <= LAST  # not bool, which is a kind of int


def write_day(seconds: int) -> str:
    """Write a moment as a person reads a day: 7 March 2026."""
    return _format_day(seconds // DAY_SECONDS, translate(DAY_PATTERN), current_texts().locale)


@lru_cache(MAX_REMEMBERED_DAYS)
def _format_day(day: int, pattern: str, locale: Locale) -> str:
    return format_date(datetime.fromtimestamp(day * DAY_SECONDS, UTC), pattern, locale)


def write_moment(seconds: int) -> str:
    """Write a moment to the minute, in UTC: 7 March 2026, 09:05 UTC."""
    time = f"{datetime.fromtimestamp(seconds, UTC):%H:%M}"
    return _("%(day)s, %(time)s UTC", day=write_day(seconds), time=time)


def write_machine_time(seconds: int) -> str:
    """Write a moment as HTML's ``<time datetime>`` wants it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def write_log_time(seconds: int) -> Markup:
    """Write a moment to the second, in UTC, as the rows of a log have it: 2026-03-07 09:05:12."""
    written = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    return TIME % (write_machine_time(seconds), write_moment(seconds), written)


def write_ago(seconds: int) -> Markup:
    """Write a moment by its distance from now, 2 hours ago, as an element with the exact time in ``title``."""
    return TIME % (write_machine_time(seconds), write_moment(seconds), _write_distance(seconds - clock.now()))


def write_hour(began_at: int) -> str:
    """Write an hour, by its beginning in seconds since 1970, no finer than it is known: this hour, today or a day."""
    now = clock.now()
    if began_at // HOUR_SECONDS == now // HOUR_SECONDS:
        return _("This hour")
    return _("Today") if began_at // DAY_SECONDS == now // DAY_SECONDS else write_day(began_at)


def _write_distance(distance_seconds: int) -> str:
    if abs(distance_seconds) < MINUTE_SECONDS:
        return _("just now")
    if abs(distance_seconds) > MAX_RELATIVE_SECONDS:
        return write_day(clock.now() + distance_seconds)
    unit_seconds = next(unit for unit in (DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS) if abs(distance_seconds) >= unit)
    whole_units = int(distance_seconds / unit_seconds) * unit_seconds
    return _format_distance(whole_units, current_texts().locale)


@lru_cache(MAX_REMEMBERED_DAYS)
def _format_distance(distance_seconds: int, locale: Locale) -> str:
    # The threshold keeps 23 hours from becoming a day.
    return format_timedelta(timedelta(seconds=distance_seconds), threshold=1, add_direction=True, locale=locale)
