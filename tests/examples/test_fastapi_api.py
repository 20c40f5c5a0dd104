"""The FastAPI API: it serves those whom people or operators let in, refuses tokens for others, and asks nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.examples.conftest import Example
from tests.support.person import REDIRECT_URI, Pkce, RegisteredClient, code_of
from tests.support.waiting import ANSWER_SECONDS

#: In the demo, an API on this machine needn't be registered.
ELSEWHERE = "http://127.0.0.1:1/albums"


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example]) -> Example:
    return start_example("fastapi_api", RESOURCE="http://127.0.0.1:5004")


@pytest.fixture(scope="module")
def client(example: Example) -> RegisteredClient:
    created = example.provider.run_command("clients", "create", "Album", "--redirect-uri", REDIRECT_URI, "--json")
    facts = json.loads(created)
    return RegisteredClient(facts["client_id"], facts["client_secret"])


def call(example: Example, token: str, method: str = "GET", path: str = "/photos") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, example.url(5004) + path, headers=headers, timeout=ANSWER_SECONDS)


def grant(example: Example, client: RegisteredClient, scope: str, **resource: str) -> dict[str, Any]:
    """Have a person log in and allow; return what the token endpoint answers."""
    person, pkce = example.log_in("alice"), Pkce()
    code = code_of(person.allow(client, scope=scope, **resource, **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    return ask_token(example, client, **fields, code_verifier=pkce.verifier)


def ask_token(example: Example, client: RegisteredClient, **fields: str) -> dict[str, Any]:
    answer = requests.post(
        f"{example.provider.url}/oauth/token", data=fields, headers=client.basic, timeout=ANSWER_SECONDS
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_person_lets_a_client_in_which_refreshes(example: Example, client: RegisteredClient) -> None:
    tokens = grant(example, client, "photos:read photos:write", resource=example.url(5004))
    answer = call(example, tokens["access_token"])
    assert answer.json()["photos"] == ["harbour.jpg", "lighthouse.jpg"]
    refreshed = ask_token(example, client, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    deleted = call(example, refreshed["access_token"], "DELETE", "/photos/harbour.jpg")
    assert deleted.json() == {"owner": answer.json()["owner"], "deleted": "harbour.jpg"}
    assert call(example, refreshed["refresh_token"]).status_code == 401


def test_a_token_for_another_api_or_for_none_is_refused(example: Example, client: RegisteredClient) -> None:
    for tokens in (grant(example, client, "profile", resource=ELSEWHERE), grant(example, client, "profile")):
        assert call(example, tokens["access_token"]).status_code == 401


def test_it_goes_on_while_the_provider_is_down(example: Example, client: RegisteredClient) -> None:
    token = grant(example, client, "photos:read", resource=example.url(5004))["access_token"]
    assert call(example, token).status_code == 200
    with example.provider_down():
        assert call(example, token).status_code == 200
