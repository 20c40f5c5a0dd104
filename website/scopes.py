"""Parsing, comparing and restricting scopes (:rfc:`6749#section-3.3`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from .translatable import N_

OPENID, OFFLINE_ACCESS = "openid", "offline_access"
#: The scopes that only a user can grant.
USER_SCOPES = frozenset((OPENID, OFFLINE_ACCESS))
#: The description of ``profile`` if only the username is shared.
USERNAME_ALONE = {"profile": N_("See your username")}
#: Longer scopes are not repeated in an error.
MAX_NAMED_CHARACTERS = 100
#: Scopes up to this length are kept split: a server's requests have few different ones, and each is split many times.
MAX_KEPT_CHARACTERS = 500
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+\Z")


def split(text: str | None) -> tuple[str, ...]:
    """Return the scope values in a text, each once, in order."""
    if not text:
        return ()
    return _split_kept(text) if len(text) <= MAX_KEPT_CHARACTERS else _split(text)


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


_split_kept = lru_cache(maxsize=1024)(_split)


def join(values: Iterable[str]) -> str:
    return " ".join(values)


def without(values: Iterable[str], *left_out: str) -> str:
    """Return the scope of these values, except some."""
    return join(value for value in values if value not in left_out)


def is_well_formed(value: str) -> bool:
    return bool(_SCOPE_TOKEN.match(value))


class ScopeNotAllowedError(ValueError):
    """A request asks for a scope that its client can't get. The message names the scope and the reason."""


def allowed(requested: str | None, registered: tuple[str, ...], known_values: Iterable[str]) -> str:
    """Return the scope to grant for a request.

    By default it is the registered scope without ``offline_access``. An unknown or unregistered value raises
    :class:`ScopeNotAllowedError`, unless the request includes ``openid``: then the value is ignored (OpenID Connect
    Core 1.0, section 3.1.2.1). An unregistered ``offline_access`` is always ignored: discovery lists it for all
    clients, and the client loses nothing.
    """
    usable = [value for value in registered if value in known_values]
    requested_values = [value for value in split(requested) if value != OFFLINE_ACCESS or value in usable]
    if not requested_values:
        return without(usable, OFFLINE_ACCESS)
    granted_values = [value for value in requested_values if value in usable]
    if OPENID not in granted_values:
        for value in requested_values:
            if value not in usable:
                raise ScopeNotAllowedError(reason_of_refusal(value, known_values))
    return join(granted_values)


def reason_of_refusal(value: str, known_values: Iterable[str]) -> str:
    """Return why a scope is rejected. Repeats the scope only if its characters are allowed in an error."""
    if not is_well_formed(value) or len(value) > MAX_NAMED_CHARACTERS:
        return "A scope is malformed. Separate scopes with a space."
    if value in known_values:
        return f"The client may not ask for {value}."
    return f"Unknown scope {value}. Separate scopes with a space." if "," in value else f"Unknown scope {value}."


def covers(wider: str, narrower: str) -> bool:
    """Tell whether every value of ``narrower`` is in ``wider``."""
    return set(split(narrower)) <= set(split(wider))


def within(scope: str, allowed: Collection[str]) -> str:
    """Return the allowed values of a scope."""
    return join([value for value in split(scope) if value in allowed])


def without_user_scopes(scope: str) -> str:
    """Return the scope without the values that only a user can grant."""
    values = split(scope)
    return scope if USER_SCOPES.isdisjoint(values) else without(values, *USER_SCOPES)
