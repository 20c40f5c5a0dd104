"""The current request, accessible from everywhere: its WSGI environ, ID and client address."""

from __future__ import annotations

import ipaddress
import itertools
import secrets
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from .hosts import LOOPBACK_ADDRESSES, LOOPBACK_HOSTS

Environ = dict[str, Any]
REQUEST_ID = "grantwright.request_id"
#: The environ key of the function that returns the base URL of the error pages, set with the current server.
FIND_ERROR_PAGES = "grantwright.error_pages"
#: The environ key of the grant type of a token request, if the server has that grant.
GRANT_TYPE = "grantwright.grant_type"
#: A request ID consists of the process's random part and a number.
_PROCESS, _count = secrets.token_hex(4) + "-", itertools.count(1)

#: The WSGI environ of the current request. Set by ``Serving``; there is none in a command.
current_environ: ContextVar[Environ] = ContextVar("current_environ")


def new_request_id() -> str:
    return f"{_PROCESS}{next(_count):x}"


def request_origin() -> tuple[str | None, str | None]:
    """Return the client's address and the request ID, both ``None`` in a command."""
    environ = current_environ.get(None)
    if environ is None:
        return None, None
    return environ.get("REMOTE_ADDR"), environ.get(REQUEST_ID)


def error_pages_of(environ: Environ) -> str | None:
    """Return the base URL of the pages about error codes, or ``None`` if there are none."""
    find: Callable[[Environ], str | None] | None = environ.get(FIND_ERROR_PAGES)
    return None if find is None else find(environ)


def is_local(environ: Environ) -> bool:
    """Tell whether peer and Host are literally this computer. A courtesy to learners, not a security boundary."""
    return environ.get("REMOTE_ADDR") in LOOPBACK_ADDRESSES and _is_loopback_host(environ.get("HTTP_HOST", ""))


@lru_cache(maxsize=64)
def _is_loopback_host(host: str) -> bool:
    """Tell whether a Host header names this computer, with or without a port."""
    name, _colon, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    return name.lower() in LOOPBACK_HOSTS and (not port or (port.isdecimal() and port.isascii()))


@lru_cache(maxsize=4096)
def network_of(address: str | None, prefix_bits: int = 64) -> str:
    """Return the network to count an address by: the address itself, or for IPv6 its /64, which one subscriber owns.

    ``prefix_bits`` counts by larger networks of IPv6.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), prefix_bits), strict=False))
    return str(parsed)


class CountedNetworks:
    """The networks that addresses are counted by; the trusted ones aren't counted."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = [ipaddress.ip_network(network) for network in trusted]
        self.find = lru_cache(maxsize=4096)(self._find)

    def _find(self, address: str | None) -> str | None:
        """Return the network to count an address by, or ``None`` if it is trusted."""
        network = network_of(address)
        try:
            parsed = ipaddress.ip_address(address or "")
        except ValueError:
            return network
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return None if any(parsed in trusted for trusted in self._trusted) else network
