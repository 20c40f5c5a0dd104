"""Consent counts for the redirect hosts that its page named, and for no other host of the same client."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.support.person import REDIRECT_URI, Answer, Person, Pkce, code_of
from tests.support.token_requests import MachineClient, Provider
from website.clients.shown_at_consent import NAMED_HOSTS
from website.models.consent import Consent

OTHER_URI = "https://other.example/callback"


@pytest.fixture
def person(provider: Provider) -> Person:
    somebody = Person(provider.application.test_client())
    somebody.log_in("consenting")
    return somebody


@pytest.fixture
def client(provider: Provider) -> MachineClient:
    return provider.create_client(
        "authorization_code", redirect_uris=[REDIRECT_URI, OTHER_URI], response_types=["code"], scope="profile photos"
    )


def ask(person: Person, client: MachineClient, redirect_uri: str, scope: str = "profile", **more: str) -> Answer:
    return person.ask(client.client_id, redirect_uri=redirect_uri, scope=scope, **Pkce().parameters, **more)


def is_asked(person: Person, client: MachineClient, redirect_uri: str) -> bool:
    silent = ask(person, client, redirect_uri, prompt="none")
    assert ("code" in silent.query) != (silent.query.get("error") == "consent_required"), silent.location
    return "error" in silent.query


def test_another_host_is_asked_about_first_and_then_both_count(person: Person, client: MachineClient) -> None:
    assert code_of(person.decide(ask(person, client, REDIRECT_URI)))
    assert not is_asked(person, client, REDIRECT_URI)
    assert is_asked(person, client, OTHER_URI)

    page = ask(person, client, OTHER_URI)
    assert "other.example" in page.text
    assert code_of(person.decide(page))
    assert not is_asked(person, client, REDIRECT_URI)
    assert not is_asked(person, client, OTHER_URI)


def test_denying_another_host_leaves_consent_as_it_was(person: Person, client: MachineClient) -> None:
    assert code_of(person.decide(ask(person, client, REDIRECT_URI)))
    person.decide(ask(person, client, OTHER_URI), "no")
    assert not is_asked(person, client, REDIRECT_URI)
    assert is_asked(person, client, OTHER_URI)


def test_more_scopes_for_one_host_name_no_other(person: Person, client: MachineClient) -> None:
    assert code_of(person.decide(ask(person, client, REDIRECT_URI)))
    assert code_of(person.decide(ask(person, client, REDIRECT_URI, "profile photos")))
    assert is_asked(person, client, OTHER_URI)


def test_consent_from_before_hosts_were_kept_counts_for_all_of_them(
    provider: Provider, person: Person, client: MachineClient
) -> None:
    assert code_of(person.decide(ask(person, client, REDIRECT_URI)))
    with provider.server.database.writing() as session:
        row = session.scalars(select(Consent).where(Consent.client == client.row)).one()
        row.shown = {name: value for name, value in row.shown.items() if name != NAMED_HOSTS}
    assert not is_asked(person, client, OTHER_URI)
