"""Sixteen clients that hang keep no other notice waiting, and never hold more than a quarter of the threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.openid_client import OpenIDClient
from tests.support.token_requests import Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS, POLL_SECONDS, wait_until
from website.outbox import sender
from website.outbox.turns import AT_ONCE, MAX_SLOW, MAX_UNPROVED, Turns

HANGING = 16


class Receiver:
    """A client's server on a loopback address of its own, which holds each notice until it is let go."""

    def __init__(self, host: str, log: list[str], holds: bool) -> None:
        receiver = self
        self.let_go = threading.Event()
        if not holds:
            self.let_go.set()
        self.held = 0
        self.most_held = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                log.append(host)
                receiver.held += 1
                receiver.let_go.wait(ANSWER_SECONDS)
                receiver.held -= 1
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the sender has hung up

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}/logout"
        threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()

    def close(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def open_receivers(count: int, log: list[str], holds: bool, first: int = 2) -> Iterator[list[Receiver]]:
    """Open receivers on addresses of their own, as the servers of strangers are."""
    with ExitStack() as held:
        receivers = [Receiver(f"127.0.0.{first + number}", log, holds) for number in range(count)]
        for receiver in receivers:
            held.callback(receiver.close)
        yield receivers


@pytest.fixture
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    settings = {"OAUTH2_OUTBOUND_LOOPBACK": True, "OAUTH2_SENDS_NOTICES": False}
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as opened:
        yield opened


def create_clients(node: Provider, receivers: list[Receiver]) -> list[OpenIDClient]:
    return [OpenIDClient.create(node, backchannel_logout_uri=receiver.url) for receiver in receivers]


def end_logins(sites: list[OpenIDClient], times: int = 1) -> None:
    """Log one person in to all of these clients, and out again."""
    person = sites[0].person
    for _time in range(times):
        person.log_in("alice")
        for site in sites:
            OpenIDClient(site.provider, site.client, person, site.pkce).get_tokens()
        person.log_out()


@contextmanager
def running_outbox(node: Provider) -> Iterator[None]:
    stop = threading.Event()
    worker = threading.Thread(target=node.server.registry.logout_notices.run, args=(stop,))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def due(node: Provider) -> int:
    return len(node.server.sessions.logout_queue.list_ended(1000))


def test_a_client_that_answered_quickly_before_comes_before_sixteen_that_hang(node: Provider) -> None:
    log: list[str] = []
    with open_receivers(HANGING, log, holds=True) as hanging, open_receivers(1, log, False, first=100) as [quick]:
        strangers, [known] = create_clients(node, hanging), create_clients(node, [quick])
        with running_outbox(node):
            end_logins([known])
            wait_until(lambda: due(node) == 0)
            end_logins(strangers, times=2)
            wait_until(lambda: sum(receiver.held for receiver in hanging) == MAX_UNPROVED)
            end_logins([known])
            wait_until(lambda: log.count("127.0.0.100") == 2)
            # Heard while they hang, of whom a quarter of the threads has room for no more.
            assert len(set(log)) - 1 <= 2 * MAX_UNPROVED
            assert sum(receiver.held for receiver in hanging) <= MAX_UNPROVED
            for receiver in hanging:
                receiver.let_go.set()


def test_sixteen_that_hang_never_hold_more_than_a_quarter_of_the_threads(
    node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("website.outbound.DEADLINE_SECONDS", 2.0)
    log: list[str] = []
    with open_receivers(HANGING, log, holds=True) as hanging:
        end_logins(create_clients(node, hanging), times=2)
        most, latest = 0, deque([0], maxlen=5)
        with running_outbox(node):
            while len(set(log)) < 2 * MAX_UNPROVED:
                # One thread a notice, which ends when the client has answered, or the time is up: not at that moment,
                # on a busy machine.
                latest.append(sum(thread.name == "outbound" for thread in threading.enumerate()))
                most = max(most, min(latest))
                time.sleep(0.01)
            for receiver in hanging:
                receiver.let_go.set()
        assert 1 <= most <= AT_ONCE // 4


def test_a_client_gets_one_notice_a_turn(node: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    log, turns, begin = list[str](), list[str](), sender._Round.begin

    def note(round_: sender._Round, receiver: str) -> None:
        turns.append(receiver)  # when it begins: how soon it is heard, the machine decides
        begin(round_, receiver)

    monkeypatch.setattr(sender._Round, "begin", note)
    with open_receivers(3, log, holds=False) as receivers:
        end_logins(create_clients(node, receivers), times=4)
        node.server.registry.logout_notices.run_once()
    assert due(node) == 0
    assert len(log) == 12
    # Nobody gets a third turn before everybody got the first.
    assert len(set(turns)) == 3
    for client in set(turns):
        third = [place for place, begun in enumerate(turns) if begun == client][2]
        assert set(turns[:third]) == set(turns)


def test_a_client_that_was_slow_is_left_alone_like_one_that_failed(
    node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("website.outbox.sender.SLOW_SECONDS", -1.0)  # whatever it takes is slow
    log: list[str] = []
    with open_receivers(1, log, holds=False) as receivers:
        end_logins(create_clients(node, receivers), times=3)
        node.server.registry.logout_notices.run_once()
        assert len(log) == 1  # the first was heard, and the others wait
        waiting = node.server.sessions.logout_queue.list_ended(10)
        assert len(waiting) == 2
        assert len({notice.next_try_at for notice in waiting}) == 1
        assert [notice.tries for notice in waiting] == [0, 0]


# Whose turn is next


def served(turns: Turns, *clients: str, failed: bool = False) -> None:
    for client in clients:
        with turns.timing(client) as turn:
            turn.has_failed = failed


def test_quick_clients_come_first_then_new_ones_then_those_that_failed() -> None:
    turns = Turns()
    served(turns, "quick")
    served(turns, "slow", failed=True)
    assert turns.choose(["slow", "new", "quick"], {}) == ["quick", "new", "slow"]


def test_the_client_served_longest_ago_is_next() -> None:
    turns = Turns()
    served(turns, "a", "b", "c", "a")
    assert turns.choose(["a", "b", "c"], {}) == ["b", "c", "a"]


def test_a_crowd_of_failing_clients_leaves_room_for_new_ones() -> None:
    turns = Turns()
    crowd = [f"slow {number}" for number in range(HANGING)]
    served(turns, *crowd, failed=True)
    begun = turns.choose(crowd, {})
    assert len(begun) == MAX_SLOW
    under_way = dict.fromkeys(begun, 0.5)
    new = [f"new {number}" for number in range(HANGING)]
    assert turns.choose([*crowd, *new], under_way) == new[: MAX_UNPROVED - MAX_SLOW]


def test_quick_clients_fill_the_threads_that_strangers_leave() -> None:
    turns = Turns()
    quick = [f"quick {number}" for number in range(2 * AT_ONCE)]
    served(turns, *quick)
    assert len(turns.choose(quick, dict.fromkeys(["x", "y", "z", "w"], 0.1))) == AT_ONCE - MAX_UNPROVED


def test_clients_that_were_quick_and_hang_now_take_nobody_s_place() -> None:
    turns = Turns()
    crowd, others = [f"hangs {number}" for number in range(AT_ONCE)], ["quick", "other"]
    served(turns, *crowd, *others)
    assert turns.choose([*crowd, *others], dict.fromkeys(crowd, 0.1)) == []
    assert turns.choose([*crowd, *others], dict.fromkeys(crowd, sender.SLOW_SECONDS + 1)) == others


def test_what_is_remembered_of_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("website.outbox.turns.MAX_REMEMBERED", 3)
    turns = Turns()
    served(turns, "a", "b", "c", "a", "d")
    assert turns.choose(["a", "b", "c", "d"], {}) == ["c", "a", "d", "b"]
