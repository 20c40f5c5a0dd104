"""Where a login continues: the ``next`` of the query, followed only if it is a path of this site."""

from __future__ import annotations

import re
from urllib.parse import unquote

from flask import request, url_for

MAX_CHARACTERS = 16 * 1024
#: How often a path may be percent-encoded over again before nobody can mean it well.
MAX_ENCODINGS = 3
#: Printable ASCII without space, quotes, angle brackets and backslash: what a browser leaves as it is in an address.
_ADDRESS = re.compile(r"/[!#-;=?-\[\]-~]*\Z")


def safe_next(text: str | None) -> str | None:
    """Return the path to go on to, or ``None`` for anything that could lead to another site.

    A browser reads ``//host``, ``/\\host`` and what becomes one of them by decoding or by dropping tabs and line
    breaks as another host (CWE-601).
    """
    if not text or len(text) > MAX_CHARACTERS or not _ADDRESS.match(text):
        return None
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    for _ in range(MAX_ENCODINGS):
        if "//" in path or "\\" in path or not path.isprintable():
            return None
        decoded = unquote(path)
        if decoded == path:
            return text
        path = decoded
    return None


def requested_next() -> str | None:
    """Return the checked ``next`` of this request's query."""
    return safe_next(request.args.get("next"))


def leads_to_authorization(path: str | None) -> bool:
    """Tell whether a login that goes on to this path may end in a redirect to a client."""
    return _leads_to(path, "authorize.show_authorization")


def leads_to_device(path: str | None) -> bool:
    """Tell whether a login goes on to the page where a person connects a device."""
    return _leads_to(path, "device.show_device_page")


def _leads_to(path: str | None, endpoint: str) -> bool:
    return path is not None and re.split(r"[?#]", path, maxsplit=1)[0] == url_for(endpoint)
