"""The path of a request, normalized to the one form that all later code compares.

A server, a proxy and two routers each have their own rules for paths: one merges slashes, one drops them, one resolves
dots. Ambiguous paths are rejected here, so that a rate limit and a route always mean the same path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from urllib.parse import urlsplit

from .request_context import Environ

MAX_PATH_CHARACTERS = 2048
#: Non-empty segments other than ``.`` and ``..``, without backslashes or control characters.
_PLAIN = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[^/\\\x00-\x1f\x7f]+)+/?\Z")


@lru_cache(maxsize=1024)
def is_plain(path: str) -> bool:
    """Tell whether a decoded path is unambiguous; with a trailing slash it is a different path.

    Results are cached, so callers must reject overlong paths first.
    """
    return path == "/" or _PLAIN.match(path) is not None


class RequestPaths:
    """Splits the path of each request into the issuer's path and the rest."""

    def __init__(self, issuer: str, own_paths: Callable[[], Collection[str]]) -> None:
        #: The path of the issuer. Usually empty.
        self._below = urlsplit(issuer).path
        self._own_paths = own_paths
        self._first_segments: frozenset[str] | None = None

    def put_in_place(self, environ: Environ) -> bool:
        """Set ``SCRIPT_NAME`` and ``PATH_INFO``; return whether the path is acceptable.

        Depending on the proxy's configuration, paths arrive with or without the issuer's path: both mean the same.
        ``X-Forwarded-Prefix`` is ignored, as the issuer determines the prefix.
        """
        path = environ.get("PATH_INFO") or "/"
        if self._below:
            if environ.get("SCRIPT_NAME") != self._below:  # else it was already removed
                path = self._without_issuer(path)
            environ["SCRIPT_NAME"] = self._below
        environ["PATH_INFO"] = path
        return len(path) <= MAX_PATH_CHARACTERS and is_plain(path)

    def _without_issuer(self, path: str) -> str:
        if path != self._below and not path.startswith(f"{self._below}/"):
            return path
        rest = path[len(self._below) :] or "/"
        # With the issuer https://example.org/oauth, /oauth/token arrived without its path, /oauth/oauth/token with it.
        return rest if rest == "/" or first_segment(rest) in self._find_first_segments() else path

    def _find_first_segments(self) -> frozenset[str]:
        # Not before the first request, as the application may add routes until then.
        if self._first_segments is None:
            self._first_segments = frozenset(map(first_segment, self._own_paths()))
        return self._first_segments


def first_segment(path: str) -> str:
    """Return the first segment of a path, without slashes."""
    return path[1:].partition("/")[0] if path.startswith("/") else ""
