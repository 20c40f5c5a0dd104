"""Two small sites: a client whose callback redirects to a third origin, and that third origin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.support.waiting import POLL_SECONDS


@dataclass(frozen=True)
class ClientSite:
    """Where the client is, and where its callback sends a browser that brings a code."""

    redirect_uri: str
    landing: str


def _handler(landing: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/cb") and "code=" in self.path:
                self.send_response(302)
                self.send_header("Location", f"{landing}?{self.path.partition('?')[2]}")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Client</title><h1 id=arrived>Arrived</h1>")

        def do_POST(self) -> None:
            """Take a response that comes as a form (OAuth 2.0 Form Post Response Mode), and show what it brought."""
            form = parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            written = "".join(f"<dt>{name}<dd id={name}>{escape(value)}" for name, value in form)
            self.wfile.write(f"<!doctype html><title>Client</title><dl>{written}</dl>".encode())

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing: the test's own log is read for what must not be in it."""

    return Handler


@contextmanager
def open_client_site() -> Iterator[ClientSite]:
    """Serve the client on one port of this machine, the third origin on another."""
    third = ThreadingHTTPServer(("127.0.0.1", 0), _handler(""))
    landing = f"http://localhost:{third.server_port}/landed"
    client = ThreadingHTTPServer(("127.0.0.1", 0), _handler(landing))
    for server in (third, client):
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield ClientSite(f"http://127.0.0.1:{client.server_port}/cb", landing)
    finally:
        for server in (third, client):
            server.shutdown()
            server.server_close()
