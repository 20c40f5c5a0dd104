"""The identifiers of APIs (:rfc:`8707#section-2`): which ones can be registered, and which ones match."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from ..hosts import LOOPBACK_NAMES
from ..redirect_uris import MAX_CHARACTERS, is_web_address, origin_of
from ..translatable import N_

#: Stands for all names of this computer.
LOOPBACK = "[::1]"


def matching_key(identifier: str) -> str | None:
    """Return an identifier without the differences that matching ignores; ``None`` if it isn't a usable URL.

    Scheme and host are in lower case, without the default port and without one final slash. Everything else has to
    match exactly.
    """
    parts = _split(identifier)
    if parts is None:
        return None
    rest = identifier[identifier.index("//") + 2 + len(parts.netloc) :]
    if not parts.query and rest.endswith("/"):
        rest = rest[:-1]
    return f"{origin_of(identifier)}{rest}"


def beginning_of(identifier: str) -> str:
    """Return what all spellings that match a usable identifier begin with, in lower case: scheme and host."""
    parts = urlsplit(identifier)
    return f"{parts.scheme}://{_host_of(parts)}"


def find_problem(identifier: str, *, allows_loopback: bool) -> str:
    """Return why an identifier can't be registered, or "" if it can.

    It must be an https URL without fragment, username and password. ``allows_loopback`` also allows http on this
    computer.
    """
    if len(identifier) > MAX_CHARACTERS:
        return N_("Use at most %(count)s characters.", count=MAX_CHARACTERS)
    if "#" in identifier:
        return N_("The identifier must not have a fragment (#).")
    parts = _split(identifier)
    if parts is None:
        return N_("Enter a URL such as https://api.example.com, in ASCII, without username and password.")
    if parts.scheme == "http" and not (allows_loopback and parts.hostname in LOOPBACK_NAMES):
        return N_("Enter a URL that begins with https://.")
    return ""


def is_loopback(identifier: str) -> bool:
    """Tell whether an identifier is a usable URL on this computer."""
    parts = _split(identifier)
    return parts is not None and parts.hostname in LOOPBACK_NAMES


def is_same_place(identifier: str, issuer: str) -> bool:
    """Tell whether an identifier matches an issuer; all names of this computer count as the same one."""
    return _place_of(identifier) == _place_of(issuer)


def _place_of(url: str) -> str | None:
    key, parts = matching_key(url), _split(url)
    if key is None or parts is None or parts.hostname not in LOOPBACK_NAMES:
        return key
    return key.replace(_host_of(parts), LOOPBACK, 1)


def _host_of(parts: SplitResult) -> str:
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def _split(identifier: str) -> SplitResult | None:
    if "#" in identifier or not is_web_address(identifier):
        return None
    return urlsplit(identifier)
