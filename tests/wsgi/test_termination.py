"""SIGTERM: a server drains before it stops, with no drain file; a worker that dies is replaced."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
from collections.abc import Callable, Iterator

import psutil
import pytest
import requests

from tests.support.live_server import LiveServer
from tests.support.waiting import ANSWER_SECONDS, wait_until

CLIENTS = 4


class BusyClient(threading.Thread):
    """A client that sends one request after another on a connection kept open, until nobody listens."""

    def __init__(self, node: LiveServer) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=ANSWER_SECONDS)
        self.answered = 0
        self.lost = 0

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # a new connection to a server that has stopped
            while True:
                self._connection.connect()
                is_open = self._ask()
                while is_open:
                    self.lost += 1  # until it is answered
                    is_open = self._ask()
                    self.lost -= 1
                self._connection.close()

    def _ask(self) -> bool:
        self._connection.request("GET", "/oauth/jwks")
        answer = self._connection.getresponse()
        assert answer.read()
        self.answered += 1
        return answer.headers.get("Connection") != "close"


def test_no_request_on_an_open_connection_is_lost_when_granian_is_stopped(
    live_server: Callable[..., LiveServer],
) -> None:
    node = live_server("granian", {"OAUTH2_DRAIN_SECONDS": "2"}, arguments=("--workers", "2"))
    clients = [BusyClient(node) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    wait_until(lambda: all(client.answered for client in clients))
    node.process.terminate()
    node.process.wait(ANSWER_SECONDS)
    for client in clients:
        client.join(ANSWER_SECONDS)
    assert [client.lost for client in clients] == [0] * CLIENTS


@pytest.fixture(params=["SIGINT as usual", "SIGINT ignored"])
def sigint(request: pytest.FixtureRequest) -> Iterator[None]:
    """Start what the test starts as a terminal does, and as a shell script does in the background."""
    former = signal.getsignal(signal.SIGINT)
    if "ignored" in request.param:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("sigint")
def test_flask_run_drains_before_it_stops(live_server: Callable[..., LiveServer]) -> None:
    node = live_server("flask", {"OAUTH2_DRAIN_SECONDS": "3"})
    node.process.terminate()
    wait_until(lambda: requests.get(f"{node.url}/readyz", timeout=ANSWER_SECONDS).status_code == 503)
    answer = requests.get(f"{node.url}/oauth/jwks", timeout=ANSWER_SECONDS)
    assert answer.status_code == 200
    assert "close" in answer.headers["Connection"]
    assert node.process.wait(ANSWER_SECONDS) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_worker_that_is_killed_is_replaced(live_server: Callable[..., LiveServer], workers: str) -> None:
    node = live_server("granian", {}, arguments=("--workers", workers))
    main = psutil.Process(node.process.pid)

    def find_workers() -> set[int]:
        return {child.pid for child in main.children() if child.status() != psutil.STATUS_ZOMBIE}

    before = find_workers()
    assert len(before) == int(workers)
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(find_workers() - {killed}) == int(workers))

    def answers() -> bool:
        try:
            return requests.get(f"{node.url}/healthz", timeout=ANSWER_SECONDS).status_code == 200
        except requests.ConnectionError:
            return False

    wait_until(answers)
    node.end(abruptly=True)  # Granian's worker doesn't notice SIGTERM while it loads the application
