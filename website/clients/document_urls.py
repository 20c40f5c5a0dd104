"""Client identifier URLs, which are https URLs of metadata documents.

draft-ietf-oauth-client-id-metadata-document, section 3
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

from ..redirect_uris import is_document_address
from ..settings import ANY_HOST

SCHEME = "https://"
#: People read it on the consent page; the published ones have less than a hundred characters.
MAX_URL_CHARACTERS = 512
_DOT_SEGMENT = re.compile(r"/\.{1,2}(?:/|\Z)")


def is_document_url(client_id: str) -> bool:
    """Tell whether a client_id is the URL of a document: those that this server creates don't begin so."""
    return client_id.startswith(SCHEME)


def find_url_problem(url: str) -> str:
    """Return why a URL can't identify a client, or ""."""
    if len(url) > MAX_URL_CHARACTERS:
        return f"A client_id that is a URL has at most {MAX_URL_CHARACTERS} characters."
    if not is_document_url(url) or not is_document_address(url):
        return "A client_id that is a URL begins with https:// and a host, without username."
    parts = urlsplit(url)
    if parts.port == 0 or parts.netloc.endswith(":"):
        return "A client_id that is a URL has a valid port, or none."
    if not parts.path:
        return "A client_id that is a URL has a path."
    if "#" in url:
        return "A client_id that is a URL has no fragment."
    if _DOT_SEGMENT.search(unquote(parts.path)):
        return "A client_id that is a URL has no path segments '.' or '..'."
    return ""


def host_of(url: str) -> str:
    """Return the host of a valid URL, in lower case and without its port."""
    return (urlsplit(url).hostname or "").rstrip(".")


def is_host_allowed(url: str, hosts: Collection[str]) -> bool:
    """Tell whether OAUTH2_METADATA_DOCUMENT_HOSTS lists a valid URL's host, or every host."""
    return ANY_HOST in hosts or host_of(url) in hosts
