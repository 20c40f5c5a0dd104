"""The path of a request, brought to the one form in which everything behind the door compares it.

A server, a proxy and two routers read paths by rules of their own: one merges slashes, one drops them, one resolves
dots. What they could read differently is refused here once, so that a limit and a route always mean the same address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from urllib.parse import urlsplit

from .request_context import Environ

MAX_PATH_CHARACTERS = 2048
#: Segments with something in them, none of dots alone, without backslashes and control characters.
_PLAIN = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f]+)+/?\Z")


@lru_cache(maxsize=1024)
def is_plain(path: str) -> bool:
    """Tell whether a decoded path can be read in one way only; with a slash at its end it is a path of its own.

    Answers are kept: longer paths than are answered must not come here.
    """
    return path == "/" or _PLAIN.match(path) is not None


class RequestPaths:
    """Puts the path of each request of one server in place: what belongs to the issuer, and what comes after it."""

    def __init__(self, issuer: str, own_paths: Callable[[], Collection[str]]) -> None:
        #: The path of the issuer, below which this server is. Empty for most.
        self._below = urlsplit(issuer).path
        self._own_paths = own_paths
        self._first_segments: frozenset[str] | None = None

    def put_in_place(self, environ: Environ) -> bool:
        """Set ``SCRIPT_NAME`` and ``PATH_INFO``; return whether the path is one that may go on.

        Behind a proxy, paths come with the issuer's own or without it, as the proxy was set up: both mean the same.
        The issuer says where this server is, so ``X-Forwarded-Prefix`` is not needed, and not read.
        """
        path = environ.get("PATH_INFO") or "/"
        if self._below:
            if environ.get("SCRIPT_NAME") != self._below:  # else it was taken off already
                path = self._without_issuer(path)
            environ["SCRIPT_NAME"] = self._below
        environ["PATH_INFO"] = path
        return len(path) <= MAX_PATH_CHARACTERS and is_plain(path)

    def _without_issuer(self, path: str) -> str:
        if path != self._below and not path.startswith(f"{self._below}/"):
            return path
        rest = path[len(self._below) :] or "/"
        # An issuer may be https://example.org/oauth: then /oauth/token came without it, /oauth/oauth/token with it.
        return rest if rest == "/" or first_segment(rest) in self._find_first_segments() else path

    def _find_first_segments(self) -> frozenset[str]:
        # At the first request, not before: until then an application may get more routes.
        if self._first_segments is None:
            self._first_segments = frozenset(map(first_segment, self._own_paths()))
        return self._first_segments


def first_segment(path: str) -> str:
    """Return what stands between the first slash of a path and the next."""
    return path[1:].partition("/")[0] if path.startswith("/") else ""
