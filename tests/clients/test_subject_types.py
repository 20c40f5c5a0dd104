"""Subject type and sector are a client's for good: nothing that it registers later shows it another identifier."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.commands import latest_event, run
from tests.support.listening_client import open_publisher
from tests.support.openid_client import OpenIDClient
from tests.support.person import REDIRECT_URI, code_of
from tests.support.registering_client import Registration
from tests.support.token_requests import Provider

Create = Callable[..., Flask]
PAIRWISE = {"subject_type": "pairwise"}
OIDC = {"scope": "openid offline_access profile", "grant_types": ["authorization_code", "refresh_token"], **PAIRWISE}


def register(provider: Provider, **document: Any) -> tuple[Registration, OpenIDClient, dict[str, Any]]:
    """Register a pairwise client, log alice in to it; return her tokens too."""
    registration = Registration.create(provider, **{**OIDC, "redirect_uris": [REDIRECT_URI], **document})
    site = OpenIDClient.of(provider, registration.client)
    site.person.log_in("alice")
    return registration, site, site.get_tokens(scope="openid offline_access")


def subject_of(provider: Provider, access_token: str) -> str:
    answer = provider.get("/oauth/userinfo", Authorization=f"Bearer {access_token}")
    assert answer.status == 200, answer.body
    return str(answer.json["sub"])


def stored(provider: Provider, client_id: str) -> tuple[Any, Any]:
    with provider.server.database.reading() as session:
        found = session.execute(
            text("SELECT subject_type, sector FROM oauth2_client WHERE client_id = :id"), {"id": client_id}
        ).one()
    return found[0], found[1]


def subject_for(provider: Provider, username: str = "alice", **metadata: Any) -> str:
    client = provider.create_client("authorization_code", response_types=["code"], **{**PAIRWISE, **metadata})
    subject = provider.server.accounts.subjects.subject_for_user(
        str(provider.server.users.find_or_create(username).id)
    )[0]
    return str(provider.server.subject_for(provider.server.clients.find(client.client_id), subject))


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uris": ["https://bank.example/cb"]},
        {"redirect_uris": ["https://bank.example/cb", REDIRECT_URI], "sector_identifier_uri": "https://bank.example/x"},
        {"redirect_uris": ["bank.example:/cb"]},
        {"redirect_uris": ["http://127.0.0.1/cb"]},
        {"subject_type": "public"},
        {"subject_type": None},
        {"subject_type": None, "redirect_uris": ["https://bank.example/cb"]},
    ],
)
def test_a_registration_that_would_change_them_is_refused(stored_provider: Provider, change: dict[str, Any]) -> None:
    registration, _site, tokens = register(stored_provider)
    before = subject_of(stored_provider, tokens["access_token"])
    answer = registration.replace(**{**OIDC, "redirect_uris": [REDIRECT_URI], **change})
    assert (answer.status, answer.error) == (400, "invalid_client_metadata")
    assert subject_of(stored_provider, tokens["access_token"]) == before


def test_a_public_client_does_not_become_pairwise(stored_provider: Provider) -> None:
    registration, _site, tokens = register(stored_provider, subject_type="public")
    before = subject_of(stored_provider, tokens["access_token"])
    assert registration.replace(**{**OIDC, "redirect_uris": [REDIRECT_URI]}).error == "invalid_client_metadata"
    moved = registration.replace(**{**OIDC, "subject_type": None, "redirect_uris": ["https://new.example/cb"]})
    assert moved.status == 200, moved.body
    assert subject_of(stored_provider, tokens["access_token"]) == before


def test_what_changes_neither_is_taken(stored_provider: Provider) -> None:
    registration, _site, tokens = register(stored_provider)
    before = subject_of(stored_provider, tokens["access_token"])
    answer = registration.replace(**{**OIDC, "redirect_uris": [REDIRECT_URI, REDIRECT_URI + "2"], "client_name": "New"})
    assert answer.status == 200, answer.body
    assert subject_of(stored_provider, tokens["access_token"]) == before


def test_a_list_of_the_same_host_is_taken(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    with open_publisher("application/json") as publisher:
        publisher.document = ["http://127.0.0.1/cb", "http://127.0.0.1/other"]
        registration = Registration.create(provider, **{**OIDC, "redirect_uris": ["http://127.0.0.1/cb"]})
        listed = {"redirect_uris": publisher.document, "sector_identifier_uri": publisher.url}
        assert registration.replace(**{**OIDC, **listed}).status == 200


@pytest.mark.parametrize(
    "more", [{"subject_type": "public"}, {}, {"subject_type": "pairwise", "redirect": "elsewhere"}]
)
def test_a_page_that_would_change_them_is_refused(stored_provider: Provider, more: dict[str, str]) -> None:
    site = OpenIDClient.create(stored_provider)
    site.person.log_in("olga")
    site.person.create_client(client_name="Pairwise", more=json.dumps(PAIRWISE))
    row = next(client for client in stored_provider.server.clients.list_all(1000) if client.client_name == "Pairwise")
    page = site.person.get(f"/clients/{row.id}/edit")
    wanted = {
        "client_name": "Pairwise", "scope": "profile", "grant_type": "authorization_code\nrefresh_token",
        "response_type": "code", "token_endpoint_auth_method": "client_secret_basic",
        "redirect_uri": "https://bank.example/cb" if "redirect" in more else REDIRECT_URI,
        "more": json.dumps({name: value for name, value in more.items() if name == "subject_type"} or {}),
    }  # fmt: skip
    answer = site.person.post(f"/clients/{row.id}/edit", {**page.hidden_fields(), **wanted})
    assert answer.status == 422, answer.text
    assert stored(stored_provider, row.client_id) == ("pairwise", "client.example")
    stored_provider.server.clients.delete(row.id)


def test_hosts_are_sectors_and_what_belongs_to_nobody_is_one_of_one_client(stored_provider: Provider) -> None:
    of_host = subject_for(stored_provider, redirect_uris=["https://bank.example/cb"])
    assert subject_for(stored_provider, redirect_uris=["https://bank.example/other"]) == of_host
    others = [
        ["bank.example:/cb"], ["bank.example:/cb"], ["http://127.0.0.1/cb"], ["http://127.0.0.1/cb"],
        ["http://localhost:8000/cb"], ["http://[::1]/cb"], [], [],
    ]  # fmt: skip
    found = [subject_for(stored_provider, redirect_uris=uris) for uris in others]
    assert len({of_host, *found}) == len(others) + 1


def former_sector(metadata: dict[str, Any]) -> str:
    """Return what the former release computed, for the clients of the test below."""
    return {
        "https://Client.example:443/cb": "client.example", "http://127.0.0.1:80/cb": "127.0.0.1",
        "com.example.app:/cb": "com.example.app", "https://list.example/s.json": "list.example", "": "",
    }[metadata.get("sector_identifier_uri") or next(iter(metadata["redirect_uris"]), "")]  # fmt: skip


def test_clients_from_before_keep_what_they_know_their_users_by(create_application: Create, database_uri: str) -> None:
    application = create_application(SQLALCHEMY_DATABASE_URI=database_uri)
    provider = Provider(application)
    uris = (["https://Client.example:443/cb"], ["http://127.0.0.1:80/cb"], ["com.example.app:/cb"], [])
    kinds: list[dict[str, Any]] = [{**PAIRWISE, "redirect_uris": list(each)} for each in uris]
    kinds.append({**PAIRWISE, "redirect_uris": list(uris[0]), "sector_identifier_uri": "https://list.example/s.json"})
    made = [(provider.create_client("authorization_code", **kind), kind) for kind in kinds]
    public = provider.create_client("authorization_code", redirect_uris=list(uris[0]))
    run(provider, "db", "downgrade", "0009")
    run(provider, "db", "upgrade")
    for client, kind in made:
        assert stored(provider, client.client_id) == ("pairwise", former_sector(kind))
    assert stored(provider, public.client_id) == ("public", None)


def test_a_client_that_a_former_release_wrote_is_fixed_by_the_first_change(stored_provider: Provider) -> None:
    registration, _site, tokens = register(stored_provider)
    before = subject_of(stored_provider, tokens["access_token"])
    client_id = registration.said["client_id"]
    with stored_provider.server.database.writing() as session:
        session.execute(
            text("UPDATE oauth2_client SET subject_type = NULL, sector = NULL WHERE client_id = :id"), {"id": client_id}
        )
    stored_provider.server.cache_invalidation.forget()
    assert subject_of(stored_provider, tokens["access_token"]) == before
    elsewhere = {**OIDC, "redirect_uris": ["https://bank.example/cb"]}
    assert registration.replace(**elsewhere).error == "invalid_client_metadata"
    assert registration.replace(**{**OIDC, "redirect_uris": [REDIRECT_URI]}).status == 200
    assert stored(stored_provider, client_id) == ("pairwise", "client.example")
    assert subject_of(stored_provider, tokens["access_token"]) == before


# What an operator may do


def test_a_command_changes_them_and_ends_what_stood_on_the_former(stored_provider: Provider) -> None:
    registration, site, tokens = register(stored_provider)
    client_id, before = registration.said["client_id"], subject_of(stored_provider, tokens["access_token"])
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    command = ("clients", "set-subject-type", client_id)
    assert "pairwise" in run(stored_provider, *command, "pairwise", "--sector", "Bank.example", "--yes").output
    assert stored(stored_provider, client_id) == ("pairwise", "bank.example")
    assert stored_provider.get("/oauth/userinfo", **bearer).status == 401
    assert stored_provider.refresh(site.client, tokens["refresh_token"]).error == "invalid_grant"
    event = latest_event(stored_provider, "client_subjects_changed")
    assert (event.detail["sector"], event.detail["former_sector"]) == ("bank.example", "client.example")
    assert "consent_required" in site.ask(prompt="none").location
    after = subject_of(stored_provider, site.get_tokens()["access_token"])
    assert after not in ("", before)
    # Its registration stays as it is: the client may go on to manage it.
    assert registration.replace(**{**OIDC, "redirect_uris": [REDIRECT_URI]}).status == 200
    assert stored(stored_provider, client_id) == ("pairwise", "bank.example")
    run(stored_provider, *command, "public", "--yes")
    assert stored(stored_provider, client_id) == ("public", None)
    assert "subject_type" not in registration.read().json
    assert code_of(site.allow())


def test_a_change_to_what_it_is_already_ends_nothing(stored_provider: Provider) -> None:
    registration, _site, tokens = register(stored_provider)
    said = run(stored_provider, "clients", "set-subject-type", registration.said["client_id"], "pairwise", "--yes")
    assert "nothing changed" in said.output
    assert subject_of(stored_provider, tokens["access_token"])


def test_a_client_with_jwts_stays_public(stored_provider: Provider) -> None:
    client = stored_provider.create_client(policy={"access_token_format": "jwt"})
    result = stored_provider.application.test_cli_runner().invoke(
        args=["clients", "set-subject-type", client.client_id, "pairwise", "--yes"]
    )
    assert result.exit_code == 1
    assert "sealed" in result.output
