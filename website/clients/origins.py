"""CORS: which endpoints scripts of other origins may call, from which origins, and the response headers.

https://fetch.spec.whatwg.org/#http-cors-protocol

An endpoint is open to every origin, or to registered ones from clients' redirect URIs. Cookies are never sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, literal_column, select

from ..database import Database, DatabaseUnavailableError, SchemaMissingError, Statement
from ..database.cache_invalidation import CacheInvalidation
from ..database.tables import table_of
from ..models.client import OAuth2ClientOrigin
from ..request_context import Environ

_origin = table_of(OAuth2ClientOrigin).c
#: One row is enough, as many clients may share an origin.
READ_ORIGIN = Statement(select(_origin.origin).where(_origin.origin == bindparam("origin_")).limit(literal_column("1")))

ANY, REGISTERED = "*", "registered"
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
#: For cacheable responses, which always have it, so that a cache never serves one without.
OPEN_TO_ANY = (ALLOW_ORIGIN, ANY)
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
MAX_ORIGIN_CHARACTERS = 2048
MAX_CACHED_ORIGINS = 10_000
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OpenAddress:
    """An endpoint that scripts of other origins may call."""

    origins: str
    methods: tuple[str, ...]


class Verdict(NamedTuple):
    """The CORS headers for a request with an ``Origin``."""

    #: For the response, regardless of its contents.
    headers: Headers = ()
    #: Additional headers for a preflight; empty for other requests and forbidden origins.
    preflight: Headers = ()


NOTHING = Verdict()


def folder_of(path: str) -> str:
    """Return a path up to its last slash, which covers all paths that differ only in the last part."""
    return path[: path.rfind("/") + 1]


class Cors:
    """The open endpoints of one server, and the origins registered in its database."""

    def __init__(self, database: Database, changes: CacheInvalidation) -> None:
        self._database = database
        self._cache_invalidation = changes
        self._found: set[str] = set()
        self.open_addresses: dict[str, OpenAddress] = {}
        changes.on_change(self._forget)

    def _forget(self) -> None:
        # Replace the set instead of clearing it, so that a slow reader can't add an outdated result to it.
        self._found = set()

    def open(self, path: str, methods: Iterable[str], origins: str) -> None:
        """Let scripts call a path, from ``ANY`` origin or from ``REGISTERED`` ones."""
        self.open_addresses[path] = OpenAddress(origins, tuple(methods))

    def judge(self, environ: Environ, *, may_look: bool) -> Verdict:
        """Return the CORS headers for a request with an ``Origin``.

        Without ``may_look`` the database isn't queried, so that rejected requests cost no query.
        """
        path = environ["PATH_INFO"]
        address = self.open_addresses.get(path) or self.open_addresses.get(folder_of(path))
        if address is None:
            return NOTHING
        if address.origins == ANY:
            headers: Headers = (OPEN_TO_ANY, EXPOSED)
        else:
            origin = environ["HTTP_ORIGIN"]
            if not self._is_registered(origin, may_look):
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

    def _is_registered(self, origin: str, may_look: bool) -> bool:
        if len(origin) > MAX_ORIGIN_CHARACTERS or not origin.isascii() or not origin.isprintable():
            return False
        try:
            if may_look:
                self._cache_invalidation.check()
            found = self._found
            if origin in found:
                return True
            if not may_look or self._database.one(READ_ORIGIN, origin_=origin) is None:
                return False  # don't cache misses, which could fill the memory
        except (DatabaseUnavailableError, SchemaMissingError):
            return False  # the response itself reports the problem
        if len(found) >= MAX_CACHED_ORIGINS:
            found.clear()
        found.add(origin)
        return True


def _allowed_headers(address: OpenAddress, environ: Environ) -> str:
    """Return the request headers that a preflight allows, including requested ones on public endpoints."""
    if address.origins != ANY:
        return REQUEST_HEADERS
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").split(",")[:MAX_REQUEST_HEADERS]
    known = {name.lower() for name in REQUEST_HEADERS.split(", ")}
    more = (name for name in map(str.strip, asked) if _HARMLESS.match(name) and name.lower() not in known)
    return ", ".join((REQUEST_HEADERS, *dict.fromkeys(more)))
