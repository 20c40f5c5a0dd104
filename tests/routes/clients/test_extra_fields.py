"""What a registration may say beyond the form's own fields: typed as JSON, judged as everywhere, shown, taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Answer, Person, RegisteredClient
from tests.support.signing_client import jwks_of, key_for
from tests.support.token_requests import MachineClient, Provider
from website.clients import Client

JOB: dict[str, Any] = {
    "client_name": "Job",
    "grant_type": "client_credentials",
    "response_type": "",
    "redirect_uri": "",
    "scope": "profile",
}
KEYS = jwks_of(key_for("ES256"))
BY_KEY = {**JOB, "token_endpoint_auth_method": "private_key_jwt", "more": json.dumps({"jwks": KEYS})}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_application(tmp_path_factory.mktemp("more")) as application:
        yield application


@pytest.fixture
def person(house: Flask) -> Person:
    person = Person(house.test_client())
    person.log_in()
    return person


def stored(house: Flask, registered: RegisteredClient) -> Client:
    found: Client = house.extensions["grantwright"].clients.find_any(registered.client_id)
    return found


def edit(person: Person, client: Client, **fields: str) -> Answer:
    path = f"/clients/{client.id}/edit"
    return person.post(path, {**person.get(path).hidden_fields(), **JOB, **fields})


def refused(person: Person, more: str) -> str:
    path = "/create_client"
    answer = person.post(path, {**person.get(path).hidden_fields(), **JOB, "more": more})
    assert answer.status == 422
    return answer.text


def test_a_client_gets_the_fields_of_the_text_and_shows_them(house: Flask, person: Person) -> None:
    more = {"backchannel_logout_uri": "https://client.example/out", "policy_uri": "https://client.example/policy"}
    client = stored(house, person.create_client(redirect_uri=REDIRECT_URI, more=json.dumps(more)))
    assert {name: client.metadata[name] for name in more} == more
    for page in (f"/clients/{client.id}/settings", f"/clients/{client.id}/edit"):
        assert "backchannel_logout_uri" in person.get(page).text


def test_what_is_taken_out_of_the_text_is_gone(house: Flask, person: Person) -> None:
    client = stored(house, person.create_client(**JOB, more='{"subject_type": "public", "default_max_age": 60}'))
    answer = edit(person, client, token_endpoint_auth_method="client_secret_basic", more='{"default_max_age": 90}')
    assert answer.status == 303
    changed = house.extensions["grantwright"].clients.find_by_id(client.id)
    assert changed.metadata["default_max_age"] == 90
    assert "subject_type" not in changed.metadata


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("{", "not valid UTF-8 JSON"),
        ("[]", "not a JSON object"),
        ('{"default_max_age": 1, "default_max_age": 2}', "duplicate name"),
        ('{"colour": "blue"}', "Unknown, or in the form above: colour"),
        ('{"redirect_uris": ["https://evil.example"]}', "Unknown, or in the form above: redirect_uris"),
        ('{"subject_type": "secret"}', "subject_type: Choose one of"),
        ('{"policy_uri": 5}', "policy_uri: Enter a URL"),
        (" " * 20_000, "Use at most 16384 characters"),
    ],
    ids=range(8),
)
def test_a_text_that_does_not_do_is_refused_and_stays(person: Person, more: str, problem: str) -> None:
    page = refused(person, more)
    assert problem in page
    assert 'href="#more"' in page


def test_a_client_that_signs_by_its_own_key_has_no_secret(house: Flask, person: Person) -> None:
    registered = person.create_client(**BY_KEY)
    client = stored(house, registered)
    assert registered.secret is None
    assert "The client signs with its own key" in person.get(f"/clients/{client.id}").text
    flows = person.get(f"/clients/{client.id}/try").text
    assert "curl" not in flows.partition("Use the token")[0]
    assert person.get(f"/clients/{client.id}/rotate_secret").status == 404


def test_a_client_that_begins_to_sign_by_its_secret_gets_one_that_is_kept(house: Flask, person: Person) -> None:
    registered = person.create_client(**JOB)
    client = stored(house, registered)
    answer = edit(person, client, token_endpoint_auth_method="client_secret_jwt")
    assert answer.status == 200
    assert answer.element("client_secret") != registered.secret
    again = edit(person, client, token_endpoint_auth_method="client_secret_jwt", client_name="Other")
    assert again.status == 303


def test_a_client_that_proves_itself_by_a_key_again_loses_its_secret(house: Flask, person: Person) -> None:
    client = stored(house, person.create_client(**JOB))
    assert edit(person, client, **{name: BY_KEY[name] for name in ("token_endpoint_auth_method", "more")}).status == 303
    provider = Provider(house)
    assert provider.server.clients.list_secrets(client.id) == []
    known = MachineClient(client.client_id, "anything", client.id, "client_secret_basic")
    assert provider.ask_token(known).error == "invalid_client"


@pytest.mark.parametrize("value", [5, 1.5, True, False, [], {}, [5], [[]], [None], {"keys": [5]}, "", "x" * 5000])
def test_a_field_of_the_wrong_type_breaks_nothing(house: Flask, person: Person, value: object) -> None:
    path, server = "/create_client", house.extensions["grantwright"]
    page = person.get(path).hidden_fields()
    for name in sorted(set(server.metadata.offered.fields) - {"token_endpoint_auth_method"}):
        answer = person.post(path, {**page, **JOB, "more": json.dumps({name: value})})
        assert answer.status in (200, 422), name
