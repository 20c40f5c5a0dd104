"""Servers that answer each connection by a function: with what they like, or never."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

Serve = Callable[[socket.socket], None]


def hang(connection: socket.socket) -> None:
    connection.recv(65536)
    time.sleep(30)


@contextlib.contextmanager
def served(serve: Serve, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve every connection in the same way, over TLS if a context is given; yield the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)

    def run() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    def serve_one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), encrypted(connection) as talking:
            serve(talking)
            with contextlib.suppress(OSError):
                talking.shutdown(socket.SHUT_RDWR)

    def encrypted(connection: socket.socket) -> socket.socket:
        return context.wrap_socket(connection, server_side=True) if context else connection

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
