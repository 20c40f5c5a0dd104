"""Bodies that don't arrive: they are refused after the deadline, and don't keep others from being served."""

from __future__ import annotations

import gc
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.live_server import KINDS, Kind, LiveServer
from tests.support.token_requests import PRODUCTION, open_provider
from tests.support.waiting import ANSWER_SECONDS, seconds, wait_until
from website.oauth2.errors import Response
from website.wsgi.body_deadline import MAX_READS, MAX_READS_OF_NETWORK, BodyDeadline

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
    connection = socket.create_connection(("127.0.0.1", node.port), timeout=ANSWER_SECONDS)
    connection.sendall(content)
    return connection


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_is_not_there_in_time_is_refused(live_server: Callable[..., LiveServer], kind: Kind) -> None:
    node = live_server(kind, {"OAUTH2_BODY_SECONDS": "1"})
    with closing(send(node, HEAD + BODY[:5])) as connection:
        assert connection.recv(12) == b"HTTP/1.1 408"
    with closing(send(node, HEAD + BODY)) as connection:
        assert connection.recv(12) == b"HTTP/1.1 401"


def ask(node: LiveServer, content: bytes) -> bytes:
    """Send a complete request; return the header of the response.

    Granian's count of idle threads includes one that has just taken a request. So where every other thread waits for a
    body, it sometimes starts none for the next request, and starts it when another one arrives.
    """
    for _ in range(SLOW_CLIENTS):
        with closing(send(node, content)) as connection, suppress(TimeoutError):
            connection.settimeout(seconds(5))
            return connection.recv(4096).lower()
    raise AssertionError(f"none of {SLOW_CLIENTS} requests was answered")


def test_clients_with_slow_bodies_keep_nobody_waiting(
    live_server: Callable[..., LiveServer], slow_clients: list[socket.socket]
) -> None:
    node = live_server("granian", {"OAUTH2_BODY_SECONDS": "600"})
    slow_clients.extend(send(node, HEAD + BODY[:5]) for _ in range(SLOW_CLIENTS))
    for path in (b"/healthz", b"/oauth/jwks"):
        assert ask(node, b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % path).startswith(b"http/1.1 200")
    assert ask(node, HEAD + BODY).startswith(b"http/1.1 401")
    slow_clients[0].sendall(BODY[5:])  # nor is it refused
    assert slow_clients[0].recv(12) == b"HTTP/1.1 401"


def head_from(host: int) -> bytes:
    """Return a header as a proxy passes it on from a host of 192.0.2.0/24."""
    head = HEAD.replace(b"/oauth/token", b"/oauth/revoke")  # which has no rate limit
    return head[:-2] + b"X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\n" % host


def ask_from(node: LiveServer, host: int) -> bytes:
    return ask(node, head_from(host) + BODY)


def test_slow_bodies_of_one_address_leave_threads_to_the_others(
    live_server: Callable[..., LiveServer], slow_clients: list[socket.socket]
) -> None:
    settings = {name: value for name, value in PRODUCTION.items() if isinstance(value, str)}
    proxy = {"OAUTH2_TRUSTED_PROXIES": "1", "OAUTH2_BODY_SECONDS": "600", "AUTHLIB_INSECURE_TRANSPORT": None}
    node = live_server("granian", {**settings, **proxy, "OAUTH2_DEMO": "0"})
    slow_clients.extend(send(node, head_from(1) + BODY[:5]) for _ in range(MAX_READS))
    wait_until(lambda: ask_from(node, 1).startswith(b"http/1.1 503"))
    assert b"\r\nretry-after: " in ask_from(node, 1)
    assert ask_from(node, 2).startswith(b"http/1.1 401")
    for host in range(3, 3 + MAX_READS // MAX_READS_OF_NETWORK):
        slow_clients.extend(send(node, head_from(host) + BODY[:5]) for _ in range(MAX_READS_OF_NETWORK))
    wait_until(lambda: ask_from(node, 2).startswith(b"http/1.1 503"))
    for each in slow_clients:
        each.close()
    wait_until(lambda: ask_from(node, 2).startswith(b"http/1.1 401"))


@dataclass
class LateBody:
    """A body and its connection: the body arrives when the test says so, or at the end of the connection's input."""

    when_ended: Callable[[], object] = lambda: None
    arrived: threading.Event = field(default_factory=threading.Event)
    is_read: threading.Event = field(default_factory=threading.Event)
    was_ended: bool = False

    def read(self, _size: int) -> bytes:
        self.is_read.set()
        self.arrived.wait(ANSWER_SECONDS)
        return BODY

    def shutdown(self, _how: int) -> None:
        self.was_ended = True
        self.when_ended()
        self.arrived.set()


def test_a_body_that_arrives_at_the_deadline_is_either_accepted_or_refused() -> None:
    answers: list[Future[Response | None]] = []

    def receive_second() -> None:
        """Let the second body arrive while the first is being ended, although the second one is late as well."""
        late[1].arrived.set()
        wait(answers[1:2], 0.5)  # until it is accepted, unless that has to wait for the end of the first

    late = LateBody(when_ended=receive_second), LateBody(), LateBody()
    bodies = BodyDeadline(seconds=1, max_bytes=1000)
    with ThreadPoolExecutor(len(late)) as threads:
        for body in late:
            environ = {"CONTENT_LENGTH": str(len(BODY)), "wsgi.input": body, "gunicorn.socket": body}
            answers.append(threads.submit(bodies.receive, environ))
            assert body.is_read.wait(ANSWER_SECONDS)
    assert [answer.result() is not None for answer in answers] == [body.was_ended for body in late]
    assert late[0].was_ended
    assert late[2].was_ended


def test_a_connection_without_a_complete_header_is_closed(live_server: Callable[..., LiveServer]) -> None:
    node = live_server("granian", arguments=("--http1-header-read-timeout", "500"))
    for begin in (b"", HEAD[:30], b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
        with closing(send(node, begin)) as connection:
            while connection.recv(4096):
                pass  # until the server closes it


def test_an_application_that_is_gone_leaves_neither_a_thread_nor_memory_behind(tmp_path: Path, sqlite_uri: str) -> None:
    others = set(threading.enumerate())
    with open_provider(tmp_path, sqlite_uri) as provider:
        assert provider.ask_token(provider.create_client()).status == 200
        server = weakref.ref(provider.server)
    started = set(threading.enumerate()) - others
    assert started
    del provider
    gc.collect()
    assert server() is None
    wait_until(lambda: not any(thread.is_alive() for thread in started))
