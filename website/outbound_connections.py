"""Connections of outgoing requests: each is handed over, so that another thread can close it, and names its host."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .deferred_import import DeferredModule

if TYPE_CHECKING:
    import requests
    from urllib3 import connection, connectionpool
else:  # a process that fetches nothing, such as a command, doesn't load them
    connection, connectionpool = DeferredModule("urllib3.connection"), DeferredModule("urllib3.connectionpool")

#: Called with each connection before anything is sent over it.
Watch = Callable[[socket.socket], None]


def name_host(request: requests.PreparedRequest, **_arguments: object) -> None:
    """Include the URL's port, if any, in the Host header (:rfc:`9112#section-3.2`).

    The address-checking resolver sets it to the host without a port before this is called.
    """
    request.headers["Host"] = urlsplit(request.url or "").netloc.rpartition("@")[2]


def watched_pools(watch: Watch) -> dict[str, type[connectionpool.HTTPConnectionPool]]:
    """Return urllib3 pool classes that pass each new connection to ``watch``."""

    class Plain(connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            watch(opened)
            return opened

    class Encrypted(connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            watch(opened)
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
