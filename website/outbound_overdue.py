"""Limits on the threads of outgoing requests that are still running after the deadline.

A DNS lookup can't be interrupted, and lasts as long as the name servers let it: half a minute or more if they never
respond. Its request is over at the deadline and holds no slot, so that nobody waits for the lookup. The threads left
over are limited, and hosts not known to be fast get half of them at most, because strangers have any number of names.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

MAX_OVERDUE = 64
#: The part of it for the names below one domain that somebody has registered.
MAX_OVERDUE_OF_A_DOMAIN = 4
#: Second-level labels below which countries' registries register names, such as ``co`` in ``co.uk``. Below others, all
#: names together count as one domain.
OF_REGISTRIES = frozenset({"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"})


@dataclass(frozen=True, slots=True)
class _Overdue:
    thread: threading.Thread
    host: str
    network: str


class OverdueThreads:
    """The threads of one kind of request that outlived their deadline. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._threads: Sequence[_Overdue] = ()

    def add(self, thread: threading.Thread, host: str, network: str) -> None:
        """Count a thread until it ends: for its host, and for the network of the visitor, if any."""
        self._threads = (*self._threads, _Overdue(thread, host, network))

    def find_refusal(self, host: str, network: str, *, is_good: bool) -> str:
        """Return why no other request to a host may be sent, or an empty string.

        A host that ``is_good`` is known to be fast.
        """
        self._threads = [overdue for overdue in self._threads if overdue.thread.is_alive()]
        if any(overdue.host == host for overdue in self._threads):
            return "an earlier lookup of its host hasn't ended"
        if len(self._threads) >= (MAX_OVERDUE if is_good else MAX_OVERDUE // 2):
            return "too many lookups haven't ended"
        if is_good:
            return ""
        if network and any(overdue.network == network for overdue in self._threads):
            return "an earlier lookup for the same visitor hasn't ended"
        domain = domain_of(host)
        if sum(domain_of(overdue.host) == domain for overdue in self._threads) >= MAX_OVERDUE_OF_A_DOMAIN:
            return "too many lookups in its domain haven't ended"
        return ""


def domain_of(host: str) -> str:
    """Return about the part of a name that somebody has registered, such as ``example.com`` or ``example.co.uk``.

    An IP address is its own domain.
    """
    labels = host.lower().split(".")
    if ":" in host or labels[-1].isdecimal():
        return host
    is_below_registry = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in OF_REGISTRIES
    return ".".join(labels[-3:] if is_below_registry else labels[-2:])
