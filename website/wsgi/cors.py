"""CORS: the response headers for requests by scripts of other origins, and the responses to preflights.

https://fetch.spec.whatwg.org/#http-cors-protocol

An address says which origins may call it: all, or the registered ones of clients' redirect URIs. Cookies are never
sent.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..clients.origins import ClientOrigins
from ..oauth2.endpoint_addresses import ANY, OPEN_TO_ANY, Address
from ..request_context import Environ

ALLOW_ORIGIN = OPEN_TO_ANY[0]
#: The headers that a script may read.
EXPOSED = ("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, X-Request-Id")
#: The request headers allowed for registered origins: credentials and proofs, media type, the version of a protocol on
#: top, and headers that libraries add to every request, which are ignored here.
REQUEST_HEADERS = (
    "Authorization, Content-Type, DPoP, MCP-Protocol-Version, Cache-Control, Pragma, X-Requested-With, Baggage,"
    " Traceparent, Tracestate"
)
#: Public endpoints ignore headers, so all are allowed except ones that a proxy might obey.
_HARMLESS = re.compile(
    r"(?!(?:x-)?(?:forwarded|original|real-|client-ip|cluster-client|true-client|rewrite|http-|method-override|host))"
    r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}\Z",
    re.IGNORECASE,
)
MAX_REQUEST_HEADERS = 32
#: The longest time that any browser caches a preflight.
PREFLIGHT_SECONDS = 7200
Headers = tuple[tuple[str, str], ...]


class Verdict(NamedTuple):
    """The CORS headers for a request with an ``Origin``."""

    #: For the response, regardless of its contents.
    headers: Headers = ()
    #: Additional headers for a preflight; empty for other requests and forbidden origins.
    preflight: Headers = ()


class Cors:
    """The CORS headers of one server."""

    def __init__(self, origins: ClientOrigins) -> None:
        self._origins = origins

    def judge(self, environ: Environ, address: Address, *, may_look: bool) -> Verdict:
        """Return the CORS headers for a request with an ``Origin`` to an address that is open to other origins.

        Without ``may_look`` the database isn't queried, so that rejected requests cost no query.
        """
        if address.cors == ANY:
            headers: Headers = (OPEN_TO_ANY, EXPOSED)
        else:
            origin = environ["HTTP_ORIGIN"]
            if not self._origins.is_registered(origin, may_look=may_look):
                return Verdict((("Vary", "Origin"),))
            headers = ((ALLOW_ORIGIN, origin), EXPOSED, ("Vary", "Origin"))
        if environ["REQUEST_METHOD"] != "OPTIONS" or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
            return Verdict(headers)
        # A preflight has no client, so every registered origin is allowed: the request itself must authenticate.
        preflight = (
            ("Access-Control-Allow-Methods", ", ".join(address.methods)),
            ("Access-Control-Allow-Headers", _allowed_headers(address, environ)),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        )
        return Verdict(headers, preflight)


def _allowed_headers(address: Address, environ: Environ) -> str:
    """Return the request headers that a preflight allows, including requested ones on public endpoints."""
    if address.cors != ANY:
        return REQUEST_HEADERS
    requested_headers = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").split(",")[:MAX_REQUEST_HEADERS]
    listed = {name.lower() for name in REQUEST_HEADERS.split(", ")}
    more = (name for name in map(str.strip, requested_headers) if _HARMLESS.match(name) and name.lower() not in listed)
    return ", ".join((REQUEST_HEADERS, *dict.fromkeys(more)))
