"""Connections of outgoing requests, to public addresses alone: another thread can close each, and each names its host.

A name is looked up once, all its addresses are checked, and one of them is connected to.
"""

from __future__ import annotations

import socket
from ipaddress import IPv6Network
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from .deferred_import import DeferredModule
from .hosts import LOOPBACK_NETWORKS

if TYPE_CHECKING:
    import requests
    from AntiSSRF import antissrf_policy
    from urllib3 import connection, connectionpool
else:  # a process that fetches nothing, such as a command, doesn't load them
    antissrf_policy = DeferredModule("AntiSSRF.antissrf_policy")
    connection, connectionpool = DeferredModule("urllib3.connection"), DeferredModule("urllib3.connectionpool")

#: IPv6 addresses that are neither global unicast (2000::/3, as IANA assigns them) nor IPv4 addresses as the library
#: represents them. Some contain IPv4 addresses, which a translator in this network may make reachable (:rfc:`7915`).
NEVER_PUBLIC = (
    "4000::/2",
    "8000::/1",
    *map(str, IPv6Network("::/3").address_exclude(IPv6Network("::ffff:0:0/96"))),
)


class Watch(Protocol):
    """What is told about each connection of a request."""

    def before_connecting(self) -> None:
        """Raise an exception if the request is over: a lookup may have taken longer."""

    def after_connecting(self, connection: socket.socket) -> None:
        """Take note of a connection, over which nothing was sent yet."""


class Connector:
    """Opens sessions for requests: to public addresses, and to this computer if that is allowed."""

    def __init__(self, verify: str | bool, *, allows_loopback: bool, allows_http: bool) -> None:
        self._verify, self._allows_loopback, self._allows_http = verify, allows_loopback, allows_http

    def open_session(self, watch: Watch) -> requests.Session:
        """Return a session that tells ``watch`` about each connection, so that another thread can close it."""
        policy = antissrf_policy.AntiSSRFPolicy(antissrf_policy.PolicyConfigOptions.EXTERNAL_ONLY_LATEST)
        policy.add_denied_addresses(NEVER_PUBLIC)
        policy.add_xff_header = False
        policy.allow_plain_text_http = self._allows_http
        if self._allows_loopback:
            policy.add_allowed_addresses(list(LOOPBACK_NETWORKS))
        session: requests.Session = policy.get_antissrf_session()
        session.trust_env = False
        session.verify = self._verify
        pools = _watched_pools(watch)
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = pools  # type: ignore[attr-defined]
            adapter.add_headers = _name_host  # type: ignore[attr-defined]
        return session


def _name_host(request: requests.PreparedRequest, **_arguments: object) -> None:
    """Include the URL's port, if any, in the Host header (:rfc:`9112#section-3.2`).

    The address-checking resolver sets it to the host without a port before this is called.
    """
    request.headers["Host"] = urlsplit(request.url or "").netloc.rpartition("@")[2]


def _watched_pools(watch: Watch) -> dict[str, type[connectionpool.HTTPConnectionPool]]:
    """Return urllib3 pool classes that tell ``watch`` about each new connection."""

    class Plain(connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            watch.before_connecting()
            opened = super()._new_conn()
            watch.after_connecting(opened)
            return opened

    class Encrypted(connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            watch.before_connecting()
            opened = super()._new_conn()
            watch.after_connecting(opened)
            return opened

    class PlainPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}


def cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it's already closed
    finally:
        connection.close()
