"""PostgreSQL stops and goes on: what needs no database is answered meanwhile, and no client loses its connection."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import requests

from tests.support.live_server import LiveServer
from tests.support.token_requests import TOKEN, MachineClient, open_provider
from tests.support.waiting import ANSWER_SECONDS, wait_until
from tests.support.wire import Wire, through

CALLERS = 24
#: What needs nothing from the database, with the client in memory.
WITHOUT_DATABASE = ("/healthz", "/oauth/jwks", "/.well-known/openid-configuration", TOKEN)


class Callers:
    """Threads that refresh, each a grant of its own, and threads that ask for what needs no database."""

    def __init__(self, server: LiveServer, client: MachineClient, refresh_tokens: list[str]) -> None:
        self._url, self._client = server.url, client
        self._stop = threading.Event()
        self.tokens = refresh_tokens
        self.refreshed: Counter[int] = Counter()
        self.without_wait: list[str] = []
        self.answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self._threads = [threading.Thread(target=self._refresh, args=(number,)) for number in range(len(self.tokens))]
        self._threads += [threading.Thread(target=self._ask, args=(path,)) for path in WITHOUT_DATABASE]

    def refresh(self, number: int) -> int:
        """Use the last acknowledged refresh token of a grant."""
        fields = {"grant_type": "refresh_token", "refresh_token": self.tokens[number]}
        answer = requests.post(
            self._url + TOKEN, fields, headers={"Authorization": self._client.basic}, timeout=ANSWER_SECONDS
        )
        if answer.status_code == 200:
            self.tokens[number] = answer.json()["refresh_token"]
        elif answer.status_code == 503 and not answer.headers.get("Retry-After"):
            self.without_wait.append(answer.text)
        return answer.status_code

    def _refresh(self, number: int) -> None:
        while not self._stop.wait(0.05):
            self.refreshed[self.refresh(number)] += 1

    def _ask(self, path: str) -> None:
        headers = {"Authorization": self._client.basic}
        fields = {"grant_type": "client_credentials"}
        while not self._stop.wait(0.05):
            if path == TOKEN:
                answer = requests.post(self._url + path, fields, headers=headers, timeout=ANSWER_SECONDS)
            else:
                answer = requests.get(self._url + path, timeout=ANSWER_SECONDS)
            self.answers[path][answer.status_code] += 1

    def counted_since(self, before: Mapping[str, Counter[int]], path: str) -> Counter[int]:
        return self.answers[path] - before[path]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_a_database_that_stops_and_goes_on_costs_no_client_its_refresh_token(
    tmp_path: Path,
    create_database: Callable[[], str],
    wire: Wire,
    live_server: Callable[..., LiveServer],
    seconds: int,
) -> None:
    uri = create_database()
    with open_provider(tmp_path, uri) as registry:
        client = registry.create_client("password", "refresh_token", "client_credentials", scope="profile")
        tokens = [registry.log_in(client)["refresh_token"] for _ in range(CALLERS)]
        server = live_server("granian", {"SQLALCHEMY_DATABASE_URI": through(wire, uri)}, initdb=False)
        callers = Callers(server, client, tokens)
        callers.start()
        try:
            wait_until(lambda: callers.refreshed[200] > CALLERS)
            wait_until(lambda: all(callers.answers[path][200] for path in WITHOUT_DATABASE))
            wire.stop()
            before = {path: callers.answers[path].copy() for path in WITHOUT_DATABASE}
            threading.Event().wait(seconds)
            wait_until(lambda: all(callers.counted_since(before, path).total() > 1 for path in WITHOUT_DATABASE))
            wait_until(lambda: callers.refreshed[503])
            meanwhile = {path: callers.counted_since(before, path) for path in WITHOUT_DATABASE}
            wire.go_on()
            so_far = callers.refreshed[200]
            wait_until(lambda: callers.refreshed[200] > so_far + CALLERS)
        finally:
            wire.go_on()
            callers.end()
        print(f"stopped for {seconds} s: meanwhile {meanwhile}, refreshes {dict(callers.refreshed)}")
        assert set(callers.refreshed) == {200, 503}
        assert callers.without_wait == []
        assert {path: set(counted) for path, counted in meanwhile.items()} == dict.fromkeys(WITHOUT_DATABASE, {200})
        # Each grant goes on with the last refresh token that its client got.
        assert [callers.refresh(number) for number in range(CALLERS)] == [200] * CALLERS


def test_a_cached_client_is_trusted_for_a_minute_without_the_database_and_by_no_request_after_that(
    tmp_path: Path, create_database: Callable[[], str], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_provider(tmp_path, through(wire, create_database())) as provider:
        client = provider.create_client("client_credentials", scope="profile")
        answers = [provider.ask_token(client).status for _ in range(2)]
        wire.cut()
        answers += [provider.ask_token(client).status for _ in range(5)]
        assert answers == [200] * 7
        for module in ("background_read", "cache_invalidation"):
            monkeypatch.setattr(f"website.database.{module}.GOOD_SECONDS", 0.0)
        assert [provider.ask_token(client).status for _ in range(5)] == [503] * 5
