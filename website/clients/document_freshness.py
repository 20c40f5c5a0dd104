"""How long a fetched metadata document is used before it is fetched again (:rfc:`9111#section-4.2`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

#: The bounds, and the time for a response that says nothing about caching.
LEAST_SECONDS, USUAL_SECONDS, MOST_SECONDS = 300, 3600, 86400
#: How much longer the last good copy serves while the document can't be fetched.
GRACE_SECONDS = 86400
_MAX_AGE = re.compile(r"(?:^|,)\s*(s-maxage|max-age)\s*=\s*\"?([0-9]{1,9})\"?\s*(?=,|$)", re.IGNORECASE)
_UNCACHEABLE = re.compile(r"(?:^|,)\s*no-(?:store|cache)\s*(?:=|,|$)", re.IGNORECASE)


def fresh_seconds_of(caching: Mapping[str, str]) -> int:
    """Return for how many seconds a response is fresh by its headers, within the bounds."""
    return max(LEAST_SECONDS, min(_lifetime_of(caching), MOST_SECONDS))


def _lifetime_of(caching: Mapping[str, str]) -> int:
    control = caching.get("cache-control", "")
    if _UNCACHEABLE.search(control):
        return 0
    ages = {name.lower(): int(seconds) for name, seconds in _MAX_AGE.findall(control)}
    age = caching.get("age", "")
    if ages:
        # As in any cache that several people share, s-maxage comes first.
        return ages.get("s-maxage", ages.get("max-age", 0)) - (int(age[:10]) if age.isascii() and age.isdigit() else 0)
    if "expires" not in caching:
        return USUAL_SECONDS
    try:
        expires, date = (parsedate_to_datetime(caching[name]) for name in ("expires", "date"))
        return int((expires - date).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):
        return 0
