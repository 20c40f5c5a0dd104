"""Protected resource metadata (:rfc:`9728`): how a client that knows only the API's URL finds the authorization server.

https://www.rfc-editor.org/rfc/rfc9728
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

WELL_KNOWN = "/.well-known/oauth-protected-resource"
#: Scripts of any origin may read it, and send headers of their own, as MCP clients do.
CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "*",
}
HEADERS = {**CORS_HEADERS, "Cache-Control": "public, max-age=300"}
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<path>.*)", re.IGNORECASE | re.DOTALL)
LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


class ResourceMetadata:
    """The metadata of one API, its URL, and the paths at which to serve it."""

    def __init__(self, resource: str, issuer: str, scopes: Sequence[str], name: str) -> None:
        parts = urlsplit(resource)
        path = "" if parts.path == "/" else parts.path
        #: Where clients look, by the resource identifier alone (section 3.1).
        self.url = f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{path}"
        #: The second is for clients that guess.
        self.paths = tuple(dict.fromkeys((WELL_KNOWN + path, WELL_KNOWN)))
        self.document: dict[str, Any] = {
            "resource": resource,
            "authorization_servers": [issuer],
            "bearer_methods_supported": ["header"],
        }
        if scopes:
            self.document["scopes_supported"] = list(scopes)
        if name:
            self.document["resource_name"] = name


def check_url(url: str, name: str) -> None:
    """Raise ``ValueError`` unless a URL is https, or http on this machine, without query and fragment."""
    parts = urlsplit(url)
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)
    if not is_secure or not parts.hostname or set(url) & set('?#@" \\'):
        raise ValueError(f"{name} must be an https URL (http only on this machine) without query or fragment: {url!r}")


def normal_form(identifier: str) -> str:
    """Return the spelling in which identifiers are compared: scheme and host in lower case, without default port and
    final slash."""
    url = _URL.fullmatch(identifier)
    if url is None:
        return identifier
    scheme, authority = url["scheme"].lower(), url["authority"].lower()
    authority = authority.removesuffix(":443" if scheme == "https" else ":80")
    return f"{scheme}://{authority}{url['path']}".removesuffix("/")
