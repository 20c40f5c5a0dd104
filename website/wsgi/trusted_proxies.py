"""The client's address, scheme and host, as trusted proxies report them in ``X-Forwarded-*`` headers.

Werkzeug's ``ProxyFix`` does the same, but it reads each header character by character, which takes a fifth of the time
of a token request. And it interprets quotation marks, so a client that sends one hides the value that a proxy appends.
"""

from __future__ import annotations

from ..request_context import Environ


def apply_forwarded_headers(environ: Environ, proxies: int) -> None:
    """Put what the outermost of this many proxies reported in the place of what the server saw.

    Each proxy appends one value. A header with fewer values is ignored.
    """
    address = _find_value(environ.get("HTTP_X_FORWARDED_FOR"), proxies)
    if address:
        environ["REMOTE_ADDR"] = address
    scheme = _find_value(environ.get("HTTP_X_FORWARDED_PROTO"), proxies)
    if scheme:
        environ["wsgi.url_scheme"] = scheme
    host = _find_value(environ.get("HTTP_X_FORWARDED_HOST"), proxies)
    if host:
        environ["HTTP_HOST"] = environ["SERVER_NAME"] = host
        if ":" in host and not host.endswith("]"):  # not an IPv6 address without a port
            environ["SERVER_NAME"], _colon, environ["SERVER_PORT"] = host.rpartition(":")


def _find_value(header: str | None, proxies: int) -> str | None:
    """Return the value that the outermost of this many proxies appended; what is before it came from the client."""
    if not header:
        return None
    values = header.split(",")
    return values[-proxies].strip(' \t"') if len(values) >= proxies else None
