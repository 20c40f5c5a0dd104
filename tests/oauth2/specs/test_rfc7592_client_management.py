"""Clients that look after their own registration: all of it, nothing else's, and nothing that an operator decided."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from flask import Flask

from tests.support.registering_client import REDIRECT_URI, REGISTER, Registration, ask, send
from tests.support.token_requests import Answer, Provider
from website.oauth2.specs import rfc7592_client_management

Create = Callable[..., Flask]
SECRETS = {"client_secret", "client_secret_expires_at"}


@pytest.fixture
def registration(stored_provider: Provider) -> Registration:
    return Registration.create(stored_provider, client_name="Photo Printer", contacts=["ann@client.example"])


def test_a_client_reads_what_it_registered(registration: Registration) -> None:
    answer = registration.read()
    assert answer.status == 200
    assert answer.json == {name: value for name, value in registration.said.items() if name not in SECRETS}
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_a_client_leaves_out_is_gone(registration: Registration) -> None:
    answer = registration.replace(redirect_uris=["https://client.example/new"], client_name="Album Printer")
    assert answer.status == 200, answer.body
    assert (answer.json["client_name"], answer.json["redirect_uris"]) == (
        "Album Printer",
        ["https://client.example/new"],
    )
    assert "contacts" not in answer.json
    assert registration.read().json == answer.json
    assert not SECRETS & answer.json.keys()


def test_the_same_secret_works_on(registration: Registration) -> None:
    registration.replace(redirect_uris=[REDIRECT_URI])
    answer = registration.provider.refresh(registration.client, "nothing")
    assert answer.status != 401


def test_a_client_that_becomes_public_has_no_secret_and_one_that_becomes_confidential_gets_one(
    registration: Registration,
) -> None:
    uris = {"redirect_uris": [REDIRECT_URI]}
    assert registration.replace(token_endpoint_auth_method="none", **uris).status == 200
    assert registration.provider.server.clients.list_secrets(registration.client.row) == []
    said = registration.replace(token_endpoint_auth_method="client_secret_post", **uris).json
    assert said["client_secret"]
    assert said["client_secret_expires_at"] == 0
    assert said["client_secret"] != registration.said["client_secret"]


def test_a_client_that_begins_to_sign_by_its_secret_gets_one_that_can(registration: Registration) -> None:
    uris = {"redirect_uris": [REDIRECT_URI]}
    said = registration.replace(token_endpoint_auth_method="client_secret_jwt", **uris).json
    assert said["client_secret"] != registration.said["client_secret"]
    again = registration.replace(token_endpoint_auth_method="client_secret_jwt", **uris).json
    assert "client_secret" not in again


def test_a_deleted_registration_is_gone_with_its_token(registration: Registration) -> None:
    answer = registration.delete()
    assert (answer.status, answer.body) == (204, b"")
    assert registration.read().status == 401
    assert registration.provider.server.clients.find_any(registration.said["client_id"]) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_each_token_opens_its_own_registration_alone(provider: Provider, method: str) -> None:
    """CVE-2026-116672: a sample of Authlib's lets any token of the kind edit any client."""
    registrations = [Registration.create(provider, client_name=f"Client {at}") for at in range(3)]
    for one, other in permutations(registrations, 2):
        document = {"client_id": one.said["client_id"], "redirect_uris": [REDIRECT_URI]} if method == "PUT" else None
        answer = send(provider, method, one.path, document, other.token)
        assert (answer.status, answer.error) == (401, "invalid_token")
        assert one.read().json["client_name"] == one.said["client_name"]


def test_no_other_token_opens_it(registration: Registration) -> None:
    provider = registration.provider
    token = provider.server.clients.initial_access_tokens.create("x", 1, 60)[1]
    for wrong in (token, registration.said["client_secret"], "x", ""):
        assert send(provider, "GET", registration.path, token=wrong).status == 401
    assert send(provider, "GET", registration.path).status == 401
    for unknown in (f"{REGISTER}/", f"{REGISTER}/nobody"):
        assert send(provider, "GET", unknown, token=registration.token).status == 401


def test_a_disabled_client_looks_as_if_it_were_not_there(registration: Registration) -> None:
    registration.provider.server.clients.set_disabled(registration.client.row, True)
    assert registration.read().status == 401


@pytest.mark.parametrize(
    ("decide", "status"),
    [
        (lambda clients, row: clients.update(row, {}, is_first_party=True), 400),
        (lambda clients, row: clients.update(row, {"redirect_uris": [REDIRECT_URI, f"{REDIRECT_URI}/x"]}), 400),
        (lambda clients, row: clients.set_disabled(row, True), 401),
        (lambda clients, row: clients.delete(row), 401),
        (lambda clients, row: clients.rotate_secret(row, 60), 200),
        (lambda clients, row: clients.mark_used(row), 200),
    ],
    ids=["first party", "changed", "disabled", "deleted", "secret rotated", "used"],
)
def test_an_update_is_not_written_if_something_was_decided_while_it_was_judged(
    registration: Registration, monkeypatch: pytest.MonkeyPatch, decide: Callable[[Any, str], object], status: int
) -> None:
    clients, row = registration.provider.server.clients, registration.client.row
    judge = rfc7592_client_management.read_metadata

    def judge_slowly(*arguments: Any) -> dict[str, Any]:
        """A sector identifier URI may take seconds."""
        metadata = judge(*arguments)
        decide(clients, row)
        return metadata

    monkeypatch.setattr(rfc7592_client_management, "read_metadata", judge_slowly)
    evil = "https://evil.example/cb"
    answer = registration.replace(redirect_uris=[REDIRECT_URI, evil])
    assert answer.status == status, answer.body
    assert (b"Send the update again" in answer.body) is (status == 400)
    client = clients.find_row(row)
    assert client is None or (evil in client.redirect_uris) is (status == 200)


def test_a_client_that_an_operator_made_has_no_such_token(provider: Provider) -> None:
    client = provider.create_client()
    for token in ("", "None", "x"):
        assert send(provider, "GET", f"{REGISTER}/{client.client_id}", token=token).status == 401


def test_what_an_operator_decided_stays(registration: Registration) -> None:
    """CVE-2026-107623: reading, changing and writing a registration dropped what protected it."""
    server, row = registration.provider.server, registration.client.row
    policy = {"pkce_required": True, "access_token_format": "jwt", "may_introspect": True, "is_first_party": False}
    server.clients.update(row, dict(server.clients.find_by_id(row).metadata), **policy)
    changed = registration.replace(
        redirect_uris=[REDIRECT_URI], pkce_required=False, is_first_party=True, may_introspect=False
    )
    assert changed.status == 200, changed.body
    client = server.clients.find_by_id(row)
    assert {name: getattr(client, name) for name in policy} == policy


def test_a_first_party_client_may_narrow_itself_and_nothing_else(registration: Registration) -> None:
    """Nobody is asked about it: with a stolen registration access token, everybody's codes would go elsewhere."""
    server, row = registration.provider.server, registration.client.row
    before = dict(server.clients.find_by_id(row).metadata)
    server.clients.update(row, before, is_first_party=True)

    for change in (
        {"redirect_uris": [REDIRECT_URI, "https://evil.example/cb"]},
        {"redirect_uris": ["https://evil.example/cb"]},
        {"client_name": "Your bank"},
        {"token_endpoint_auth_method": "none"},
    ):
        assert registration.replace(**{**before, **change}).status == 400
    assert dict(server.clients.find_by_id(row).metadata) == before

    assert registration.replace(**before).status == 200
    narrowed = registration.replace(**{**before, "scope": "profile"})
    assert (narrowed.status, narrowed.json["scope"]) == (200, "profile")
    assert server.clients.find_by_id(row).is_first_party


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("invalid_request", {"client_id": "another"}),
    ("invalid_request", {"registration_access_token": "x"}),
    ("invalid_request", {"client_id_issued_at": 1}),
    ("invalid_client_metadata", {"client_secret": "chosen by myself"}),
    ("invalid_client_metadata", {"client_secret": 5}),
    ("invalid_client_metadata", {"grant_types": ["client_credentials"]}),
    ("invalid_redirect_uri", {"redirect_uris": ["http://evil.example/"]}),
]


@pytest.mark.parametrize(("error", "document"), WRONG, ids=map(str, range(len(WRONG))))
def test_a_replacement_that_cannot_be_changes_nothing(
    registration: Registration, error: str, document: dict[str, Any]
) -> None:
    answer = registration.replace(**{"redirect_uris": [REDIRECT_URI], **document})
    assert (answer.status, answer.error) == (400, error)
    assert registration.read().json["contacts"] == ["ann@client.example"]


def test_the_present_secret_may_be_repeated(registration: Registration) -> None:
    secret = registration.said["client_secret"]
    assert registration.replace(redirect_uris=[REDIRECT_URI], client_secret=secret).status == 200


def test_other_methods_are_told_which_there_are(registration: Registration) -> None:
    answer = send(registration.provider, "PATCH", registration.path)
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, PUT")


def test_scripts_may_manage_what_they_registered(registration: Registration) -> None:
    headers = {"Origin": "https://anywhere.example", "Access-Control-Request-Method": "PUT"}
    answer = registration.provider.open("OPTIONS", registration.path, headers=headers)
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]


def test_switched_off_nobody_is_told_of_it(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"rfc7592_client_management": False}))
    said = ask(provider).json
    assert not {"registration_access_token", "registration_client_uri"} & said.keys()
    assert send(provider, "GET", f"{REGISTER}/{said['client_id']}", token="x").status == 404


def test_no_address_is_taken_from_the_pages(provider: Provider) -> None:
    answer: Answer = provider.get("/nothing/here", Accept="text/html")
    assert answer.status == 404
    assert re.search(rb"<html", answer.body)
