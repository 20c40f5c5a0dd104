"""Many users at once: every answer is about the user and the client of its own request (X3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter, Retry

from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Person, Pkce, RegisteredClient, code_of
from tests.support.waiting import ANSWER_SECONDS

USERS, CLIENTS = 64, 8
TOKENS_OF_A_ROUND = 3
#: Where the machine is too busy for so many at once, some are told to come back, as clients do.
COMES_BACK = Retry(10, status_forcelist=[503], allowed_methods=None, raise_on_status=False)


class Speaker:
    """One user who asks for tokens of every kind, and reads each answer with suspicion."""

    def __init__(self, node: LiveServer, name: str, client: RegisteredClient) -> None:
        self._url, self.name, self._client = node.url, name, client
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(max_retries=COMES_BACK))
        self.wrong: list[str] = []
        self.checked = 0
        self._subject = ""

    def speak(self, until: float) -> None:
        """Ask for one token of each kind, and go on until a moment of ``time.monotonic``."""
        try:
            person = Person(self._url)
            person.session.mount("http://", HTTPAdapter(max_retries=COMES_BACK))
            assert person.log_in(self.name).status == 303
            while True:
                self._check(self._post("/oauth/token", grant_type="password", username=self.name, password="valid"))
                pkce = Pkce()
                code = code_of(person.allow(self._client, **pkce.parameters))
                given = self._post(
                    "/oauth/token", grant_type="authorization_code", code=code, code_verifier=pkce.verifier,
                    redirect_uri=REDIRECT_URI,
                )  # fmt: skip
                self._check(given)
                self._check(
                    self._post("/oauth/token", grant_type="refresh_token", refresh_token=given["refresh_token"])
                )
                if time.monotonic() >= until:
                    return
        except Exception as error:
            self.wrong.append(f"{self.name}: {error!r}")

    def _post(self, path: str, **fields: str) -> dict[str, Any]:
        answer = self._session.post(self._url + path, fields, headers=self._client.basic, timeout=ANSWER_SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _check(self, given: dict[str, Any]) -> None:
        token = given["access_token"]
        seen = self._post("/oauth/introspect", token=token)
        me = self._session.get(
            f"{self._url}/api/me", headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS
        ).json()
        self._subject = self._subject or seen["sub"]
        expected = (self.name, self._client.client_id, self._subject)
        if (me["username"], seen["client_id"], seen["sub"]) != expected:
            self.wrong.append(f"{expected} got {me} {seen}")
        self.checked += 1


@pytest.mark.parametrize("seconds", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_no_answer_is_given_to_the_wrong_request(
    seconds: int, live_server: Callable[..., LiveServer], tmp_path: Path
) -> None:
    node = live_server("granian", {"OAUTH2_SQLITE_SYNCHRONOUS": "NORMAL"}, arguments=("--workers", "2"))
    developer = Person(node.url)
    developer.log_in("developer")
    grants = "authorization_code\nrefresh_token\npassword"
    clients = [developer.create_client(client_name=f"App {number}", grant_type=grants) for number in range(CLIENTS)]
    speakers = [Speaker(node, f"user {number}", clients[number % CLIENTS]) for number in range(USERS)]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=speaker.speak, args=(until,)) for speaker in speakers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [line for speaker in speakers for line in speaker.wrong] == []
    assert all(speaker.checked >= TOKENS_OF_A_ROUND for speaker in speakers)
    print(f"{USERS} users, {sum(speaker.checked for speaker in speakers)} tokens checked")
