"""Bodies that don't arrive: they are refused after the deadline, and don't keep others from being served."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import requests

from tests.support.live_server import END_SECONDS, KINDS, Kind, LiveServer

#: More than the requests that are worked on at once, and than gunicorn's threads.
SLOW_CLIENTS = 20
HEAD = (
    b"POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\n"
)
BODY = b"grant_type=client_credentials"


@pytest.fixture
def slow_clients() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for each in opened:
        each.close()


def send(node: LiveServer, content: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", node.port), timeout=END_SECONDS)
    connection.sendall(content)
    return connection


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_is_not_there_in_time_is_refused(live_server: Callable[..., LiveServer], kind: Kind) -> None:
    node = live_server(kind, {"OAUTH2_BODY_SECONDS": "1"})
    with closing(send(node, HEAD + BODY[:5])) as connection:
        assert connection.recv(12) == b"HTTP/1.1 408"
    with closing(send(node, HEAD + BODY)) as connection:
        assert connection.recv(12) == b"HTTP/1.1 401"


def test_clients_with_slow_bodies_keep_nobody_waiting(
    live_server: Callable[..., LiveServer], slow_clients: list[socket.socket]
) -> None:
    node = live_server("granian", {"OAUTH2_BODY_SECONDS": "600"})
    slow_clients.extend(send(node, HEAD + BODY[:5]) for _ in range(SLOW_CLIENTS))
    for path in ("/healthz", "/oauth/jwks"):
        assert requests.get(f"{node.url}{path}", timeout=END_SECONDS).status_code == 200
    answer = requests.post(f"{node.url}/oauth/token", {"grant_type": "client_credentials"}, timeout=END_SECONDS)
    assert answer.status_code == 401
    slow_clients[0].sendall(BODY[5:])  # nor is it refused
    assert slow_clients[0].recv(12) == b"HTTP/1.1 401"


def test_a_connection_without_a_complete_header_is_closed(live_server: Callable[..., LiveServer]) -> None:
    node = live_server("granian", arguments=("--http1-header-read-timeout", "500"))
    for begin in (b"", HEAD[:30], b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
        with closing(send(node, begin)) as connection:
            while connection.recv(4096):
                pass  # until the server closes it
