"""Owns redirect URIs: which may be registered, which of a request matches a registered one, and their origins."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

MAX_CHARACTERS = 2048
PORTS = {"http": 80, "https": 443}
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
#: Schemes that run or show something in the browser itself instead of reaching a client.
FORBIDDEN_SCHEMES = frozenset(("javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem"))
#: RFC 3986, section 2: what a URI is written with. No space, quote, backslash, control or non-ASCII character.
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+\Z")


def find_problem(uri: str) -> str | None:
    """Say why a redirect URI cannot be registered, or return ``None`` where it can.

    Absolute, without fragment (:rfc:`6749#section-3.1.2`); https, http for loopback only, or a private-use scheme
    with a dot (:rfc:`8252#section-7.1`).
    """
    if len(uri) > MAX_CHARACTERS or not _URI_CHARACTERS.match(uri):
        return "A redirect URI is written in ASCII, without spaces, in at most 2048 characters."
    parts = _split(uri)
    if parts is None or not parts.scheme:
        return "A redirect URI is absolute: it begins with https:// or with your app's own scheme."
    if "#" in uri:
        return "A redirect URI has no fragment."
    if parts.scheme in FORBIDDEN_SCHEMES:
        return f"The scheme {parts.scheme}: would run in the browser instead of reaching the client."
    if parts.scheme in ("http", "https"):
        if not parts.hostname or "@" in parts.netloc or "*" in parts.netloc:
            return "A redirect URI names its host plainly: no user name, no wildcard."
        if parts.scheme == "http" and parts.hostname not in (*LOOPBACK_ADDRESSES, "localhost"):
            return "Plain http is for 127.0.0.1, [::1] and localhost only; use https."
        return None
    if "." not in parts.scheme:
        return "A scheme of your own is a domain name of yours turned round, with a dot: com.example.app:/callback"
    return None


def is_web_address(url: str) -> bool:
    """Tell whether a link to it is safe to show: http or https, with a host, written as URIs are."""
    parts = _split(url) if len(url) <= MAX_CHARACTERS and _URI_CHARACTERS.match(url) else None
    return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)


def is_https_or_loopback(url: str) -> bool:
    """Tell whether a client may name an address for the browser, or for this server, to go to; without a fragment."""
    if not is_web_address(url) or "#" in url or "@" in url:
        return False
    return url.startswith("https:") or is_loopback_or_private(url)


def matches(registered: tuple[str, ...], uri: str) -> bool:
    """Tell whether a request's redirect URI is a registered one: to the character (:rfc:`9700#section-4.1.3`).

    One exception: a registered http URI of a loopback address matches on any port (:rfc:`8252#section-7.3`).
    """
    if uri in registered:
        return True
    if not uri.startswith("http://") or find_problem(uri):
        return False
    portless = _without_loopback_port(uri)
    return portless is not None and any(portless == _without_loopback_port(known) for known in registered)


def is_loopback_or_private(uri: str) -> bool:
    """Tell whether any other program of the same machine could receive this redirect (:rfc:`8252#section-8.6`)."""
    parts = _split(uri)
    if parts is None or parts.scheme not in ("http", "https"):
        return True
    return parts.hostname in (*LOOPBACK_ADDRESSES, "localhost")


def origin_of(uri: str) -> str | None:
    """Return a redirect URI's origin as browsers write it (:rfc:`6454#section-6.2`); an app's own scheme has none."""
    parts = _split(uri)
    if parts is None or parts.scheme not in PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def host_of(uri: str) -> str:
    """Return what a person should read of a redirect URI: its host, or its scheme where it has none."""
    parts = _split(uri)
    if parts is None:
        return uri
    return parts.netloc or f"{parts.scheme}: (an app on this device)"


def _without_loopback_port(uri: str) -> str | None:
    parts = _split(uri)
    if parts is None or parts.scheme != "http" or parts.hostname not in LOOPBACK_ADDRESSES or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.netloc != host and not re.fullmatch(re.escape(host) + r":[0-9]{1,5}", parts.netloc):
        return None
    # The rest as it was written: splitting and joining again would mend what must be refused.
    return "http://" + host + uri[len("http://") + len(parts.netloc) :]


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        return None
    return parts
