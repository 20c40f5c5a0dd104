"""A client that listens: a real HTTP server that records what is posted to it, and responds as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.support.waiting import POLL_SECONDS, wait_until


class ListeningClient:
    """What came, in order, and how the next one is answered."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.wait_seconds = 0.0
        self.url = ""

    @property
    def tokens(self) -> list[str]:
        return [form["logout_token"] for form in self.heard]

    def wait_for(self, count: int) -> list[str]:
        """Return the logout tokens once so many have come."""
        wait_until(lambda: len(self.heard) >= count)
        return self.tokens


@contextmanager
def open_listening_client() -> Iterator[ListeningClient]:
    """Listen on a port of this machine."""
    client = ListeningClient()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            client.headers.append(dict(self.headers))
            client.heard.append(dict(parse_qsl(body)))
            time.sleep(client.wait_seconds)
            self.send_response(client.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    client.url = f"http://127.0.0.1:{server.server_port}/logout"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield client
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Publisher:
    """A document that a client publishes, where, and the headers of each request for it."""

    def __init__(self) -> None:
        self.document: Any = {}
        self.status = 200
        self.headers: list[dict[str, str]] = []
        self.url = ""


@contextmanager
def open_publisher(content_type: str = "application/jwk-set+json") -> Iterator[Publisher]:
    """Serve a document, as JSON unless it is a string, on a port of this machine, as it is at that moment."""
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.headers.append(dict(self.headers))
            said = publisher.document
            body = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(publisher.status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher.url = f"http://127.0.0.1:{server.server_port}/document.json"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
