"""The syntax of hosts: the names and addresses allowed in clients' URIs, which are thus safe in any output."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

#: The names of this computer: as addresses, as hosts without brackets, and as written in a URI or a Host header.
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
LOOPBACK_NAMES = (*LOOPBACK_ADDRESSES, "localhost")
LOOPBACK_HOSTS = ("127.0.0.1", "[::1]", "localhost")
#: All loopback addresses, not only the usual ones.
LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")
MAX_CHARACTERS = 253
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?\Z")
#: Browsers parse a host as an IPv4 address if its last label is a number, including octal and hexadecimal ones.
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?\Z")
#: The part after ``//``: a host with an optional port. No username, which people would mistake for the host.
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{0,5})?\Z")


def is_host(host: str) -> bool:
    """Tell whether a host is a name (:rfc:`1123#section-2.1`), an IPv4 address, or an IPv6 address without brackets.

    A name only has letters, digits, hyphens and dots; internationalized names use their ``xn--`` form.
    """
    if ":" in host:
        return _is_address(host, IPv6Address)
    if len(host) > MAX_CHARACTERS or not _NAME.match(host):
        return False
    return _is_address(host, IPv4Address) if _ENDS_IN_NUMBER.match(host) else True


def is_authority(authority: str) -> bool:
    """Tell whether the part of a URI after ``//`` is a host according to :func:`is_host`, with or without a port."""
    match = _AUTHORITY.match(authority)
    return match is not None and is_host(match.group(1).strip("[]"))


def is_private_host(host: str) -> bool:
    """Tell whether a host may be on a private network: any name, and any IP address that isn't publicly routed."""
    if not is_host(host):
        return False
    try:
        address = IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return True
    return address.is_private and not address.is_unspecified


def is_ip_address(host: str) -> bool:
    """Tell whether a host is an IPv4 or IPv6 address, or one that browsers read as an address."""
    return _is_address(host, IPv6Address) or (":" not in host and _ENDS_IN_NUMBER.match(host) is not None)


def _is_address(host: str, kind: type[IPv4Address] | type[IPv6Address]) -> bool:
    try:
        kind(host)
    except AddressValueError:
        return False
    return True
