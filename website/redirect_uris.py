"""Redirect URIs: which ones can be registered, matching them in requests, and their origins."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlencode, urlsplit

from .hosts import LOOPBACK_HOSTS, LOOPBACK_NAMES, is_authority
from .translatable import N_

MAX_CHARACTERS = 2048
NO_SCHEME = "Begin it with http:// or https://."
PORTS = {"http": 80, "https": 443}
#: Schemes that run or show something in the browser instead of reaching a client.
FORBIDDEN_SCHEMES = frozenset(("javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem"))
#: The characters of URIs (RFC 3986, section 2): no spaces, quotes, backslashes, control or non-ASCII characters.
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+\Z")
#: A URL typed as in an address bar, localhost:5000/callback, whose host would count as its scheme.
_HOST_AND_PORT = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}(/|\Z)")
_LOOPBACK_AUTHORITY = re.compile(rf"({'|'.join(map(re.escape, LOOPBACK_HOSTS))})(?::[0-9]{{1,5}})?\Z")


@dataclass(frozen=True, slots=True)
class RedirectRules:
    """What the operator allows in addition to https, http on loopback, and private-use schemes."""

    #: Schemes without a dot, such as ``cursor`` (OAUTH2_REDIRECT_SCHEMES).
    schemes: frozenset[str] = frozenset()
    #: Hosts of private networks, lower-case and without brackets, for plain http (OAUTH2_REDIRECT_HTTP_HOSTS).
    http_hosts: frozenset[str] = frozenset()


def find_problem(uri: str, rules: RedirectRules = RedirectRules()) -> str:
    """Return why a redirect URI can't be registered, or "" if it can.

    It must be absolute and without a fragment (:rfc:`6749#section-3.1.2`), and use https, http on loopback, a
    private-use scheme with a dot (:rfc:`8252#section-7.1`), or what ``rules`` allow.
    """
    if len(uri) > MAX_CHARACTERS or not _URI_CHARACTERS.match(uri):
        return f"Write redirect URIs in ASCII, without spaces, in at most {MAX_CHARACTERS} characters."
    parts = _split(uri)
    if parts is None or not parts.scheme:
        if _HOST_AND_PORT.match(uri):
            return NO_SCHEME
        return "A redirect URI must be absolute, beginning with https:// or your app's own scheme."
    if "#" in uri:
        return "A redirect URI must not have a fragment."
    if parts.scheme in FORBIDDEN_SCHEMES:
        return f"The scheme {parts.scheme}: would run in the browser instead of reaching the client."
    if parts.scheme in PORTS:
        return _find_host_problem(parts, rules)
    if _HOST_AND_PORT.match(uri):
        return NO_SCHEME
    if "." not in parts.scheme and parts.scheme not in rules.schemes:
        return (
            f"Any app can use the scheme {parts.scheme}:. Use one based on a domain you own, reversed:"
            " com.example.app:/callback. The server's operator can allow others in OAUTH2_REDIRECT_SCHEMES."
        )
    return ""


def is_written_as_uri(text: str) -> bool:
    """Tell whether a text has the characters and the length of a URI, so that a page can show what a stranger sent."""
    return len(text) <= MAX_CHARACTERS and _URI_CHARACTERS.match(text) is not None


def _find_host_problem(parts: SplitResult, rules: RedirectRules) -> str:
    if not is_authority(parts.netloc):
        return (
            "Write the host as a plain name or IP address, without username or wildcard; internationalized names in"
            " their xn-- form."
        )
    if parts.scheme == "http" and parts.hostname not in (*LOOPBACK_NAMES, *rules.http_hosts):
        return "Plain HTTP is only allowed for 127.0.0.1, [::1] and localhost; use https."
    return ""


def is_web_address(url: str) -> bool:
    """Tell whether a URL is safe to link to: http or https, with a plain host, in valid URI characters."""
    parts = _split(url) if len(url) <= MAX_CHARACTERS and _URI_CHARACTERS.match(url) else None
    return parts is not None and parts.scheme in PORTS and is_authority(parts.netloc)


def is_https_or_loopback(url: str) -> bool:
    """Tell whether a client's URL is safe for the browser or this server to open: https or loopback, no fragment."""
    if not is_web_address(url) or "#" in url or "@" in url:
        return False
    return url.startswith("https:") or is_loopback_or_private(url)


def is_document_address(value: object) -> bool:
    """Tell whether this server may fetch a document from a client's URL."""
    # Plain HTTP is rejected when fetching, except in the demo.
    return isinstance(value, str) and is_web_address(value) and "@" not in value


def is_registered(registered: Collection[str], uri: str, *, any_port: bool) -> bool:
    """Tell whether a request's redirect URI is a registered one, character for character (:rfc:`9700#section-2.1`).

    With ``any_port``, as for native apps, the port of a loopback address may differ (:rfc:`8252#section-7.3`).
    """
    return uri in registered or (any_port and uses_free_port(registered, uri))


def uses_free_port(registered: Iterable[str], uri: str) -> bool:
    """Tell whether a request's redirect URI only differs from a registered one in its port: this requires PKCE.

    Redirect URIs must match exactly (:rfc:`9700#section-4.1.3`), with one exception: http on a loopback name matches on
    any port of the same name, with the same path and query (:rfc:`8252#section-7.3`).
    """
    portless = _without_loopback_port(uri)
    if portless is None or uri in registered:
        return False
    return any(portless == _without_loopback_port(registered_uri) for registered_uri in registered)


@lru_cache(maxsize=256)
def is_loopback_or_private(uri: str) -> bool:
    """Tell whether another program on the same computer could receive this redirect (:rfc:`8252#section-8.6`)."""
    parts = _split(uri)
    if parts is None or parts.scheme not in PORTS:
        return True
    return parts.hostname in LOOPBACK_NAMES


def is_of_anybodys_scheme(uri: str) -> bool:
    """Tell whether a redirect URI has a scheme without a dot, which isn't tied to a domain name."""
    parts = _split(uri)
    return parts is not None and parts.scheme not in PORTS and "." not in parts.scheme


def origin_of(uri: str) -> str | None:
    """Return a redirect URI's origin as browsers write it (:rfc:`6454#section-6.2`); an app's own scheme has none.

    A malformed host has none either, so the result is safe to use in a header.
    """
    parts = _split(uri)
    if parts is None or parts.scheme not in PORTS or not is_authority(parts.netloc) or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def name_of(uri: str) -> str:
    """Return the host of a redirect URI with its port, or an app's own scheme."""
    parts = _split(uri)
    if parts is None:
        return uri
    # Don't show a host for an app's own scheme: com.example.app://bank.example opens the app, not a bank's site.
    return parts.netloc if parts.scheme in PORTS else parts.scheme


@lru_cache(maxsize=256)
def host_of(uri: str) -> str:
    """Return the part of a redirect URI to show to people: its host or scheme, and whether it's on their device."""
    parts = _split(uri)
    if parts is not None and parts.scheme not in PORTS:
        return N_("%(scheme)s: (an app on this device)", scheme=parts.scheme)
    is_local = is_loopback_or_private(uri)
    return N_("%(host)s (an app on this computer)", host=name_of(uri)) if is_local else name_of(uri)


def with_query(uri: str, parameters: Mapping[str, str] | list[tuple[str, str]]) -> str:
    """Return a URI with parameters added to its query; existing ones are unchanged."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"


def _without_loopback_port(uri: str) -> str | None:
    if not uri.startswith("http://") or len(uri) > MAX_CHARACTERS or "#" in uri or not _URI_CHARACTERS.match(uri):
        return None
    # Use the original text: splitting and joining could repair a URI that must be rejected.
    authority = re.split(r"[/?]", uri[len("http://") :], maxsplit=1)[0]
    match = _LOOPBACK_AUTHORITY.match(authority)
    if match is None or _split(uri) is None:
        return None
    return "http://" + match.group(1) + uri[len("http://") + len(authority) :]


@lru_cache(maxsize=256)
def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises if the port is not a number
    except ValueError:
        return None
    return parts
