"""Additional origins, besides those of redirect URIs, whose scripts may call the server for a client (CORS).

For pages elsewhere: another site of the same application, an app in a web view, a browser extension.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..hosts import LOOPBACK_HOSTS
from ..redirect_uris import FORBIDDEN_SCHEMES
from .metadata import MetadataProblems

MAX_ORIGINS, MAX_CHARACTERS = 20, 255
#: An origin as browsers write it: scheme and host in lower case, with a port only if it isn't the default.
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:[1-9][0-9]{0,4})?\Z")
_USUAL_PORTS = {"https": ":443", "http": ":80"}


def find_origin_problem(origin: str) -> str:
    """Return why an origin can't be added, or "" if it can."""
    match = _ORIGIN.match(origin) if len(origin) <= MAX_CHARACTERS else None
    if match is None:
        return (
            f"{origin[:100]} is not an origin. Write scheme and host in lower case, without a path, such as"
            " https://app.example.org or ionic://localhost."
        )
    scheme, host, port = match[1], match[2], match[4]
    if scheme in FORBIDDEN_SCHEMES:
        return f"Pages with the scheme {scheme}: have no origin."
    if scheme == "http" and host not in LOOPBACK_HOSTS:
        return "Plain HTTP is only allowed for localhost, 127.0.0.1 and [::1]; use https."
    if port is not None and port == _USUAL_PORTS.get(scheme):
        return f"Leave out {port}, as browsers do."
    return ""


def check_origins(problems: MetadataProblems, origins: Iterable[str]) -> None:
    """Check a client's additional origins."""
    listed = [*origins]
    if len(listed) > MAX_ORIGINS:
        problems.add("extra_origins", f"At most {MAX_ORIGINS} origins.")
    for origin in listed:
        problem = find_origin_problem(origin)
        if problem:
            problems.add("extra_origins", problem)
