"""What every template knows: who is logged in, the mode, and the filters that write times and addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date
from flask import Flask
from flask_babel import gettext as _

from ..translatable import N_
from .authorization_server import authorization_server
from .client_rights import current_creator, may_manage_resources
from .host_application import current_host
from .login_session import current_account
from .translations import current_texts, translate

# Translators: a day, in the letters of CLDR's date patterns.
DAY_PATTERN = N_("d MMMM y")
DAY_SECONDS, MAX_REMEMBERED_DAYS = 86400, 4096


def register(app: Flask) -> None:
    app.context_processor(provide_context)
    app.jinja_env.filters["day"] = write_day
    app.jinja_env.filters["moment"] = write_moment
    app.jinja_env.filters["machine_time"] = write_machine_time


def provide_context() -> dict[str, Any]:
    """Return what the frame of every page shows."""
    server = authorization_server()
    return {
        "account": current_account(),
        "is_demo": server.settings.demo,
        "is_embedded": current_host() is not None,
        "creates_clients": current_creator() is not None,
        "manages_resources": may_manage_resources(),
    }


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
