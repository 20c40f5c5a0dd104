"""The internet as a test sees it: hosts with public addresses, whose TLS server is on this machine.

Only name resolution and routing are replaced. What the server checks about names, addresses and certificates stays.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from urllib3.util import connection

from tests.support.certificates import make_certificate
from tests.support.waiting import POLL_SECONDS

#: A public address of a network that nobody uses for such a server.
PUBLIC_ADDRESS = "93.184.215.14"


@dataclass
class Page:
    """What a URL answers."""

    content: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    wait_seconds: float = 0.0

    @property
    def body(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        return (self.content if isinstance(self.content, str) else json.dumps(self.content)).encode()


class Internet:
    """The pages by URL, the URLs and connections that were requested, and the addresses that names resolve to."""

    def __init__(self, certificate: Path) -> None:
        self.certificate = certificate
        self.pages: dict[str, Page] = {}
        self.requested: list[str] = []
        #: How many connections were made to the public address.
        self.connected = 0
        #: By host; all others of the test have the public address.
        self.addresses: dict[str, Callable[[], str]] = {}

    def publish(self, document: Mapping[str, Any], **page: Any) -> str:
        """Publish a metadata document at its client_id, and return that."""
        url = str(document["client_id"])
        self.pages[url] = Page(document, **page)
        return url


@contextmanager
def open_internet(folder: Path, *hosts: str) -> Iterator[Internet]:
    """Let these hosts answer, and resolve to public addresses."""
    certificate, key = make_certificate(folder, ",".join(f"DNS:{host}" for host in hosts))
    internet = Internet(certificate)
    server = _start_server(internet, certificate, key)
    resolve, connect = socket.getaddrinfo, connection.create_connection

    def find_address(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        if host in internet.addresses:
            host = internet.addresses[host]()
        elif host in hosts:
            host = PUBLIC_ADDRESS
        return resolve(host, port, *arguments, **named)

    def create_connection(address: tuple[str, int], *arguments: Any, **named: Any) -> socket.socket:
        is_public = address[0] == PUBLIC_ADDRESS
        internet.connected += is_public
        return connect(("127.0.0.1", server.server_port) if is_public else address, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", find_address)
        patch.setattr(connection, "create_connection", create_connection)
        try:
            yield internet
        finally:
            server.shutdown()
            server.server_close()


def _start_server(internet: Internet, certificate: Path, key: Path) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"https://{self.headers['Host']}{self.path}"
            internet.requested.append(url)
            page = internet.pages.get(url, Page(status=404))
            time.sleep(page.wait_seconds)
            self.send_response_only(page.status)  # without a Date of its own
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: Any) -> None:
            """Requests that the server under test cuts off are expected."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    return server
