"""Two nodes whose clocks are a minute apart: everything that begins at one goes on at the other."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
import time_machine

from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.ports import reserve_port
from tests.support.residents import Resident, add_user
from tests.support.token_requests import PRODUCTION, TOKEN, MachineClient, open_provider
from tests.support.waiting import ANSWER_SECONDS

#: Debian keeps it below the name of the architecture.
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), Path("libfaketimeMT.so.1"))


class Clocks:
    """Where one thing begins and goes on: a node, and another whose clock differs."""

    def __init__(self, begins: LiveServer, goes_on: LiveServer, client: MachineClient) -> None:
        self.begins, self.goes_on, self.client = begins, goes_on, client
        self.person = Person(begins.url)

    def move(self) -> None:
        """Have the browser be sent to the other node from here on."""
        self.person.door = self.goes_on.url

    def ask_token(self, node: LiveServer, **fields: str) -> dict[str, str]:
        headers = {"Authorization": self.client.basic}
        answer = requests.post(node.url + TOKEN, fields, headers=headers, timeout=ANSWER_SECONDS)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    def draw_code(self, pkce: Pkce, **more: str) -> str:
        return code_of(self.person.allow(self.client.client_id, scope="openid profile", **pkce.parameters, **more))

    def redeem(self, node: LiveServer, code: str, pkce: Pkce) -> dict[str, str]:
        fields = {"code": code, "code_verifier": pkce.verifier, "redirect_uri": REDIRECT_URI}
        return self.ask_token(node, grant_type="authorization_code", **fields)


def issued_at(token: str) -> int:
    payload = token.split(".")[1]
    return int(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iat"])


def check(clocks: Clocks) -> None:
    person, pkce = clocks.person, Pkce()
    assert person.log_in("alice").status == 303
    clocks.move()
    assert person.get("/account/apps").status == 200  # logged in
    code = clocks.draw_code(pkce)
    tokens = clocks.redeem(clocks.begins, code, pkce)
    assert abs(issued_at(tokens["id_token"]) - time.time()) < 20
    refreshing = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    clocks.ask_token(clocks.begins, **refreshing)
    again = clocks.ask_token(clocks.goes_on, **refreshing)  # as a client whose first answer was lost
    clocks.ask_token(clocks.begins, grant_type="refresh_token", refresh_token=again["refresh_token"])
    # A request that wants a new login begins at one node, the login is at the other.
    person.door = clocks.begins.url
    sent = person.ask(clocks.client.client_id, scope="openid", prompt="login", **pkce.parameters)
    assert sent.status in (302, 303)
    clocks.move()
    page = person.get(sent.location)
    done = person.post(re.sub(r"^http://[^/]+", "", sent.location), {**page.hidden_fields(), "username": "alice"})
    person.door = clocks.begins.url
    answer = person.get(re.sub(r"^http://[^/]+", "", done.location))
    assert answer.status == 200 or "code=" in answer.location, answer.location


@pytest.mark.parametrize("difference", ["+60s", "-60s"])
def test_what_begins_at_one_node_goes_on_at_another_whose_clock_differs(
    tmp_path: Path,
    create_database: Callable[[], str],
    live_server: Callable[..., LiveServer],
    run_folder: Path,
    difference: str,
) -> None:
    uri, port = create_database(), reserve_port(run_folder)
    settings = {"OAUTH2_ISSUER": f"http://127.0.0.1:{port}"}
    wrong = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": difference, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with open_provider(tmp_path, uri, **settings) as here:
        metadata = {"redirect_uris": [REDIRECT_URI], "response_types": ["code"], "scope": "openid profile"}
        client = here.create_client("authorization_code", "refresh_token", **metadata)
    environment = {"SQLALCHEMY_DATABASE_URI": uri, **settings}
    right = live_server("granian", environment, initdb=False, port=port)
    other = live_server("granian", {**environment, **wrong}, initdb=False)
    check(Clocks(right, other, client))
    check(Clocks(other, right, client))
    assert "clock differs from the database's" in other.log
    assert "clock differs" not in right.log


def test_a_cookie_signed_by_a_clock_that_is_a_minute_ahead_is_a_login(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        add_user(node)
        person = Resident(node.application)
        with time_machine.travel(time.time() + 300):
            assert person.log_in().status == 303
        assert not person.is_logged_in()
        with time_machine.travel(time.time() + 60):
            assert person.log_in().status == 303
        assert person.is_logged_in()
