"""Volleys of requests that reach several servers at the same moment, and the response to each.

Every request but its last byte is sent over a kept connection first; then the last bytes follow in one go. Nothing but
a few microseconds lies between them, which no barrier of threads comes near in Python.
"""

from __future__ import annotations

import http.client
import re
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlencode

from tests.support import canary
from tests.support.live_server import LiveServer
from tests.support.token_requests import Answer
from tests.support.waiting import ANSWER_SECONDS

SHOTS = 16


@dataclass(frozen=True)
class Shot(Answer):
    """What one of the requests of a volley got."""

    @property
    def outcome(self) -> str:
        """The status and, where there is one, the error code."""
        found = re.search(rb'"error":"(\w+)"', self.body)
        return f"{self.status} {found.group(1).decode()}" if found else str(self.status)


def post(path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> bytes:
    """Return a POST as it goes over the wire."""
    body = urlencode(fields)
    canary.watch_request(body, headers or {})
    return _request("POST", path, {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}, body)


def get(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return a GET as it goes over the wire. It has a body of one byte, for the last byte to be held back."""
    return _request("GET", path, headers or {}, "x")


def _request(method: str, path: str, headers: Mapping[str, str], body: str) -> bytes:
    complete = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in complete.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Battery:
    """Kept connections, in turn to each of the servers."""

    def __init__(self, *servers: LiveServer, shots: int = SHOTS) -> None:
        self._sockets = [_connect(servers[number % len(servers)]) for number in range(shots)]

    def __enter__(self) -> Battery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for connection in self._sockets:
            connection.close()

    def fire(self, requests: bytes | Sequence[bytes]) -> list[Shot]:
        """Send one request from every connection, or each its own, at one moment; return the answers in order."""
        requests = [requests] * len(self._sockets) if isinstance(requests, bytes) else requests
        used = self._sockets[: len(requests)]
        for connection, request in zip(used, requests, strict=True):
            connection.sendall(request[:-1])
        for connection, request in zip(used, requests, strict=True):
            connection.sendall(request[-1:])
        return [_read(connection) for connection in used]


def _connect(server: LiveServer) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS)
    # The last byte must leave at once, not wait for the acknowledgement of those before it.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read(connection: socket.socket) -> Shot:
    response = http.client.HTTPResponse(connection)
    try:
        response.begin()
        shot = Shot(response.status, dict(response.getheaders()), response.read())
    finally:
        response.close()
    canary.watch_answer(shot.headers, shot.body.decode(errors="replace"))
    return shot


def count(shots: Sequence[Shot]) -> Counter[str]:
    """Count the outcomes of a volley."""
    return Counter(shot.outcome for shot in shots)
