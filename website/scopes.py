"""Owns the arithmetic of scopes (:rfc:`6749#section-3.3`)."""

from __future__ import annotations

import re
from collections.abc import Iterable

OPENID, OFFLINE_ACCESS = "openid", "offline_access"
#: What people read of ``profile`` where nothing but the username is told of them.
USERNAME_ALONE = {"profile": "See your username"}
#: Longer ones are not repeated in an error.
MAX_NAMED_CHARACTERS = 100
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


class ScopeNotAllowedError(ValueError):
    """A request asks for a scope that its client cannot get. Its text names the scope and the reason."""


def allowed(requested: str | None, registered: tuple[str, ...], known: Iterable[str]) -> str:
    """Return the scope that a request may get.

    Omitted, it is what the client registered, without ``offline_access``. A value that is unknown or not registered
    refuses the request, unless it has ``openid``: then it is left out (OpenID Connect Core 1.0, section 3.1.2.1).
    ``offline_access`` that the client did not register is always left out: discovery names it for everybody, and
    without it the client loses nothing. Raises :class:`ScopeNotAllowedError`.
    """
    usable = [value for value in registered if value in known]
    wanted = [value for value in split(requested) if value != OFFLINE_ACCESS or value in usable]
    if not wanted:
        return without(usable, OFFLINE_ACCESS)
    granted = [value for value in wanted if value in usable]
    if OPENID not in granted:
        for value in wanted:
            if value not in usable:
                raise ScopeNotAllowedError(_reason(value, known))
    return join(granted)


def _reason(value: str, known: Iterable[str]) -> str:
    """Say why a scope is refused. It is repeated only where it has nothing in it that an error may not have."""
    if not is_well_formed(value) or len(value) > MAX_NAMED_CHARACTERS:
        return "A scope is malformed. Separate scopes with a space."
    if value in known:
        return f"The client may not ask for {value}."
    return f"Unknown scope {value}. Separate scopes with a space." if "," in value else f"Unknown scope {value}."


def covers(wider: str, narrower: str) -> bool:
    """Tell whether every value of ``narrower`` is in ``wider``."""
    return set(split(narrower)) <= set(split(wider))


def within(scope: str, allowed: Iterable[str]) -> str:
    """Return what is allowed of a scope."""
    held = frozenset(allowed)
    return join(value for value in split(scope) if value in held)


def without_user_scopes(scope: str) -> str:
    """Return the scope without what only a user can give."""
    return without(split(scope), OPENID, OFFLINE_ACCESS)
