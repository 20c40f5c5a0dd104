"""The memory of a worker: flat, however many requests it has served. Long form only."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from urllib.parse import urlencode

import psutil
import pytest

from tests.support.live_server import LiveServer
from tests.support.person import Person, RegisteredClient
from tests.support.waiting import ANSWER_SECONDS

REQUESTS, CALLERS = 200_000, 8
MAX_BYTES, MAX_GROWTH = 120 * 1024 * 1024, 8 * 1024 * 1024


class Caller(threading.Thread):
    """A client that uses every kind of request, one after the other, on one connection."""

    def __init__(self, node: LiveServer, client: RegisteredClient, requests: int) -> None:
        super().__init__()
        self._node = node
        self._headers = {**client.basic, "Content-Type": "application/x-www-form-urlencoded"}
        self._requests = requests
        self.wrong: list[str] = []

    def run(self) -> None:
        try:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._node.port, timeout=ANSWER_SECONDS)
            while self._requests > 0:
                self._use_every_kind()
            self._connection.close()
        except Exception as error:
            self.wrong.append(repr(error))

    def _use_every_kind(self) -> None:
        given = self._post("/oauth/token", grant_type="password", username="alice", password="valid", scope="profile")
        for _ in range(4):
            bearer = {"Authorization": f"Bearer {given['access_token']}"}
            self._send("GET", "/api/me", headers=bearer)
            self._send("GET", "/.well-known/openid-configuration", headers={})
            self._send("GET", "/oauth/jwks", headers={})
            assert self._post("/oauth/introspect", token=given["access_token"])["active"]
            self._post("/oauth/token", grant_type="client_credentials")
            given = self._post("/oauth/token", grant_type="refresh_token", refresh_token=given["refresh_token"])
        self._post("/oauth/revoke", token=given["refresh_token"])

    def _post(self, path: str, **fields: str) -> dict[str, str]:
        content = self._send("POST", path, urlencode(fields), self._headers)
        return json.loads(content) if content else {}

    def _send(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> bytes:
        self._connection.request(method, path, body, headers or {})
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, (path, answer.status, content)
        self._requests -= 1
        return content


@pytest.mark.soak
def test_memory_is_flat_over_two_hundred_thousand_requests(live_server: Callable[..., LiveServer]) -> None:
    # Not a copy of the tests' loaded process, which holds more than a server does.
    settings = {"OAUTH2_SQLITE_SYNCHRONOUS": "NORMAL", "OAUTH2_LOG_LEVEL": "ERROR"}
    node = live_server("granian", settings, is_loaded=False)
    developer = Person(node.url)
    developer.log_in("alice")
    grants = "password\nrefresh_token\nclient_credentials"
    client = developer.create_client(grant_type=grants, response_type="", redirect_uri="")
    [worker] = psutil.Process(node.process.pid).children()
    resident = [worker.memory_info().rss]
    for _ in range(4):
        callers = [Caller(node, client, REQUESTS // 4 // CALLERS) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert [caller.wrong for caller in callers if caller.wrong] == []
        resident.append(worker.memory_info().rss)
    print(f"resident MiB after each {REQUESTS // 4} requests: {[size >> 20 for size in resident]}")
    assert resident[-1] <= MAX_BYTES
    assert resident[-1] - resident[1] <= MAX_GROWTH
