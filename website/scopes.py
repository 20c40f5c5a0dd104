"""Owns the arithmetic of scopes (:rfc:`6749#section-3.3`)."""

from __future__ import annotations

import re
from collections.abc import Iterable

OPENID, OFFLINE_ACCESS = "openid", "offline_access"
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+\Z")


def split(text: str | None) -> tuple[str, ...]:
    """Return the scope values of a text, each once, in their order."""
    return tuple(dict.fromkeys((text or "").split()))


def join(values: Iterable[str]) -> str:
    return " ".join(values)


def without(values: Iterable[str], *left_out: str) -> str:
    """Return the scope of these values, without some."""
    return join(value for value in values if value not in left_out)


def is_well_formed(value: str) -> bool:
    return bool(_SCOPE_TOKEN.match(value))


def allowed(requested: str | None, registered: tuple[str, ...], known: Iterable[str]) -> str | None:
    """Return the scope that a request may get, or ``None`` where it must be refused with ``invalid_scope``.

    Omitted, it is what the client registered, without ``offline_access``. A value that is unknown or not registered
    refuses the request, unless it has ``openid``: then it is left out (OpenID Connect Core 1.0, section 3.1.2.1).
    """
    usable = [value for value in registered if value in known]
    wanted = split(requested)
    if not wanted:
        return without(usable, OFFLINE_ACCESS)
    granted = [value for value in wanted if value in usable]
    if len(granted) < len(wanted) and OPENID not in granted:
        return None
    return join(granted)


def covers(wider: str, narrower: str) -> bool:
    """Tell whether every value of ``narrower`` is in ``wider``."""
    return set(split(narrower)) <= set(split(wider))


def without_user_scopes(scope: str) -> str:
    """Return the scope without what only a user can give."""
    return without(split(scope), OPENID, OFFLINE_ACCESS)
