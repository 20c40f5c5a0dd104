"""The checks for malformed registration settings, in every mode."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..hosts import is_host, is_private_host
from ..redirect_uris import FORBIDDEN_SCHEMES, PORTS
from ..settings import ANY_HOST, BY_TOKEN, OFF, OPEN, OPERATORS, USERS, Settings

_SCHEME = re.compile(r"[a-z][a-z0-9+-]*\Z")
#: Schemes handled by the system: a redirect would start a call, a message, a search or a system program.
_SYSTEM_SCHEMES = frozenset((*PORTS, *FORBIDDEN_SCHEMES, "mailto", "tel", "sms", "intent", "search-ms"))
_SYSTEM_PREFIX = "ms-"


def find_registration_problems(settings: Settings) -> list[str]:
    """Return one sentence for each malformed registration setting."""
    problems = []
    if settings.registration not in (OFF, BY_TOKEN, OPEN):
        problems.append(f"OAUTH2_REGISTRATION: write {OFF}, {BY_TOKEN} or {OPEN}.")
    if settings.client_creation not in ("", OPERATORS, USERS, OFF):
        problems.append(f"OAUTH2_CLIENT_CREATION: write {OPERATORS}, {USERS} or {OFF}.")
    lists = {
        "OAUTH2_REGISTRATION_GRANT_TYPES": settings.registration_grant_types,
        "OAUTH2_REGISTRATION_SCOPES": settings.registration_scopes,
    }
    for name, values in lists.items():
        if not all(isinstance(value, str) for value in values):
            problems.append(f"{name}: write a list of names.")
    return [
        *problems,
        *_find_bad_document_hosts(settings.metadata_document_hosts),
        *_find_bad_schemes(settings.redirect_schemes),
        *_find_bad_hosts(settings.redirect_http_hosts),
    ]


def _find_bad_document_hosts(hosts: Iterable[Any]) -> list[str]:
    return [
        f"OAUTH2_METADATA_DOCUMENT_HOSTS: {host} is not a host name in lower case; write it without port or path, or"
        f" {ANY_HOST} for every host."
        for host in hosts
        if host != ANY_HOST and not (isinstance(host, str) and is_host(host) and host == host.lower().rstrip("."))
    ]


def _find_bad_schemes(schemes: Iterable[Any]) -> list[str]:
    problems = []
    for scheme in schemes:
        if not isinstance(scheme, str) or not _SCHEME.match(scheme):
            problems.append(
                "OAUTH2_REDIRECT_SCHEMES: write schemes in lower case, without colon or dot, such as `cursor`;"
                " schemes with a dot are always accepted."
            )
        elif scheme in _SYSTEM_SCHEMES or scheme.startswith(_SYSTEM_PREFIX):
            problems.append(f"OAUTH2_REDIRECT_SCHEMES: {scheme} belongs to the browser or the system, not to a client.")
    return problems


def _find_bad_hosts(hosts: Iterable[Any]) -> list[str]:
    return [
        f"OAUTH2_REDIRECT_HTTP_HOSTS: {host} is not a host name or private IP address; write it without port, path or"
        " wildcard."
        for host in hosts
        if not isinstance(host, str) or not is_private_host(host.strip("[]"))
    ]
