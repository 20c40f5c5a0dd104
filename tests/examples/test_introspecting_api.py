"""The API that asks about each token: scopes by route, notes by user, a short memory; who cannot ask, refuses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from tests.examples.conftest import Example
from tests.support.person import REDIRECT_URI, Pkce, RegisteredClient, code_of
from tests.support.waiting import ANSWER_SECONDS, seconds

CACHE_SECONDS = 1.0


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example]) -> Example:
    return start_example("introspecting_api", CACHE_SECONDS=str(CACHE_SECONDS))


@pytest.fixture(scope="module")
def album(example: Example) -> RegisteredClient:
    """A client that people let in."""
    printed = example.provider.run_command("clients", "create", "Notepad", "--redirect-uri", REDIRECT_URI, "--json")
    facts = json.loads(printed)
    return RegisteredClient(facts["client_id"], facts["client_secret"])


def call(address: str, token: str | None, text: str = "", headers: dict[str, str] | None = None) -> requests.Response:
    """Ask for the notes, or write one."""
    sent = ({} if token is None else {"Authorization": f"Bearer {token}"}) | (headers or {})
    method, body = ("POST", {"text": text}) if text else ("GET", None)
    return requests.request(method, f"{address}/notes", headers=sent, json=body, timeout=ANSWER_SECONDS)


def grant(example: Example, client: RegisteredClient, username: str, scope: str) -> dict[str, Any]:
    """Have a person log in and allow; return what the token endpoint answers."""
    person, pkce = example.log_in(username), Pkce()
    code = code_of(person.allow(client, scope=scope, **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    return send(example, client, "token", **fields, code_verifier=pkce.verifier)


def send(example: Example, client: RegisteredClient, endpoint: str, **fields: str) -> dict[str, Any]:
    answer = requests.post(
        f"{example.provider.url}/oauth/{endpoint}", fields, headers=client.basic, timeout=ANSWER_SECONDS
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
def api(example: Example) -> str:
    return example.url(5003)


def test_each_person_has_notes_of_their_own(example: Example, album: RegisteredClient, api: str) -> None:
    alice = grant(example, album, "alice", "notes:read notes:write")
    bob = grant(example, album, "bob", "notes:read")

    assert call(api, alice["access_token"], "Milk").status_code == 201
    assert call(api, alice["access_token"]).json() == {"notes": ["Milk"]}
    assert call(api, bob["access_token"]).json() == {"notes": []}
    refused = call(api, bob["access_token"], "Bread")
    assert refused.status_code == 403
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer realm="notes", error="insufficient_scope", scope="notes:write"'
    )

    fields = {"grant_type": "refresh_token", "refresh_token": alice["refresh_token"]}
    refreshed = send(example, album, "token", **fields)
    assert call(api, refreshed["access_token"]).json() == {"notes": ["Milk"]}


def test_refresh_token_is_no_access_token(example: Example, album: RegisteredClient, api: str) -> None:
    tokens = grant(example, album, "carol", "notes:read")

    assert call(api, tokens["refresh_token"]).status_code == 401


def test_revoked_token_is_believed_no_longer_than_the_cache(
    example: Example, album: RegisteredClient, api: str
) -> None:
    tokens = grant(example, album, "dave", "notes:read")
    assert call(api, tokens["access_token"]).status_code == 200
    revoked_at = time.monotonic()
    send(example, album, "revoke", token=tokens["refresh_token"])

    while call(api, tokens["access_token"]).status_code == 200:
        assert time.monotonic() - revoked_at < CACHE_SECONDS + seconds(20)
    answer = call(api, tokens["access_token"])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="notes", error="invalid_token"'


def test_many_calls_cost_few_questions(example: Example, album: RegisteredClient, api: str) -> None:
    tokens = grant(example, album, "erin", "notes:read")
    before, began_at = questions(example), time.monotonic()

    for _ in range(10):
        assert call(api, tokens["access_token"]).status_code == 200

    assert 1 <= questions(example) - before <= 2 + (time.monotonic() - began_at) / CACHE_SECONDS


def questions(example: Example) -> int:
    return example.provider.log.count('"/oauth/introspect"')


@pytest.mark.parametrize(
    ("authorization", "status", "challenge"),
    [
        ("", 401, 'Bearer realm="notes", scope="notes:read"'),
        ("Basic YTpi", 401, 'Bearer realm="notes", scope="notes:read"'),
        ("Bearer", 400, 'Bearer realm="notes", error="invalid_request", scope="notes:read"'),
        ("Bearer a b", 400, 'Bearer realm="notes", error="invalid_request", scope="notes:read"'),
        ("Bearer made-up", 401, 'Bearer realm="notes", error="invalid_token"'),
        ("bearer é", 401, 'Bearer realm="notes", error="invalid_token"'),
    ],
)
def test_what_is_no_token_gets_a_challenge(api: str, authorization: str, status: int, challenge: str) -> None:
    answer = call(api, None, headers={"Authorization": authorization})

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (status, challenge)


@pytest.mark.parametrize("body", [None, b"", b"[]", b"1", b'"x"', b'{"text": 1}', b'{"text": ""}', b"{"])
def test_note_without_text_is_refused(example: Example, album: RegisteredClient, api: str, body: bytes | None) -> None:
    token = grant(example, album, "frank", "notes:write")["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    assert requests.post(f"{api}/notes", data=body, headers=headers, timeout=ANSWER_SECONDS).status_code == 400


@pytest.mark.parametrize(
    "variables", [{"CLIENT_SECRET": "another"}, {"ISSUER": "http://127.0.0.1:1"}], ids=["not taken", "not reached"]
)
def test_nobody_is_let_in_when_the_question_fails(
    example: Example, album: RegisteredClient, variables: dict[str, str]
) -> None:
    tokens = grant(example, album, "grace", "notes:read")

    with another_api(example, **variables) as address:
        answer = call(address, tokens["access_token"])

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "WWW-Authenticate" not in answer.headers


def test_a_client_without_the_policy_cannot_ask(example: Example, album: RegisteredClient) -> None:
    tokens = grant(example, album, "heidi", "notes:read")
    printed = example.provider.run_command("clients", "create", "Other", "--grant-type", "client_credentials", "--json")
    other = json.loads(printed)

    with another_api(example, CLIENT_ID=other["client_id"], CLIENT_SECRET=other["client_secret"]) as address:
        assert call(address, tokens["access_token"]).status_code == 401


@contextmanager
def another_api(example: Example, **variables: str) -> Iterator[str]:
    """Start the API once more, with another environment."""
    own = {name.upper(): value for name, value in example.registered[0].items()}
    path = str(example.folder / "examples" / "introspecting_api" / "app.py")
    command = ["flask", "--app", path, "run", "--port"]
    with example.serving(command, {"ISSUER": example.provider.url} | own | variables) as address:
        yield address
