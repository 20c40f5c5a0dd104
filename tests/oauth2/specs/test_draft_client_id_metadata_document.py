"""A client that nobody registered, known by the metadata document at its client_id."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from tests.support.commands import run, run_for_json
from tests.support.internet import Internet
from tests.support.metadata_documents import (
    CALLBACK,
    DOCUMENT,
    URL,
    application,
    ask,
    events,
    get_tokens,
    internet,
    is_refused,
    person,
    refresh,
)
from tests.support.person import Person
from tests.support.token_requests import PRODUCTION, Provider
from website.configuration.loading import HOST, read_configuration
from website.models.client import OAuth2Client
from website.models.client_document import ClientDocument
from website.settings import SettingsError

__all__ = ["application", "internet", "person"]

Create = Callable[..., Flask]


# What it gives


def test_a_client_nobody_registered_gets_tokens_and_refreshes_them(application: Flask, person: Person) -> None:
    tokens = get_tokens(application, person)
    assert refresh(application, tokens).status_code == 200
    created = events(application, "client_created")
    assert [(event["client_id"], event["registered_by"]) for event in created] == [(URL, "itself")]


def test_the_metadata_says_so(application: Flask) -> None:
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        assert Provider(application).get(path).json["client_id_metadata_document_supported"] is True


def test_the_consent_page_names_the_host_and_that_nobody_reviewed_it(person: Person) -> None:
    page = " ".join(ask(person).text.split())
    assert "Unverified app.</b> Its details are published by app.example" in page


@pytest.mark.parametrize("others", [["http://127.0.0.1/callback"], [CALLBACK]])
def test_where_the_redirect_is_local_the_page_says_that_any_program_can_use_the_document(
    person: Person, internet: Internet, others: list[str]
) -> None:
    internet.publish({**DOCUMENT, "redirect_uris": ["http://localhost/callback", *others]})
    page = " ".join(ask(person, redirect_uri="http://localhost:4321/callback").text.split())
    assert "any program on this computer can use them" in page


def test_the_document_is_fetched_once_while_it_is_fresh(application: Flask, person: Person, internet: Internet) -> None:
    tokens = get_tokens(application, person)
    ask(person)
    refresh(application, tokens)
    assert internet.requested == [URL]


@pytest.mark.parametrize(
    ("caching", "seconds"),
    [
        ({}, 3600),
        ({"Cache-Control": "public, max-age=7200"}, 7200),
        ({"Cache-Control": "max-age=60, s-maxage=7200", "Age": "100"}, 7100),
        ({"Cache-Control": "max-age=7200", "Age": "9" * 5000}, 300),
        ({"Cache-Control": "no-store"}, 300),
        ({"Cache-Control": "max-age=1"}, 300),
        ({"Cache-Control": "max-age=999999999"}, 86400),
        ({"Date": "Sat, 28 Nov 2026 22:00:00 GMT", "Expires": "Sat, 28 Nov 2026 23:30:00 GMT"}, 5400),
        ({"Expires": "0"}, 300),
    ],
)
def test_it_stays_fresh_as_its_headers_say_within_bounds(
    application: Flask, person: Person, internet: Internet, caching: dict[str, str], seconds: int
) -> None:
    internet.publish(DOCUMENT, headers={"Content-Type": "application/json; charset=utf-8", **caching})
    ask(person)
    with application.extensions["grantwright"].database.reading() as session:
        document = session.scalars(select(ClientDocument)).one()
    assert document.fresh_until - document.fetched_at == seconds


def test_unknown_grant_types_fall_away(application: Flask, person: Person, internet: Internet) -> None:
    device = "urn:ietf:params:oauth:grant-type:device_code"
    internet.publish({**DOCUMENT, "grant_types": ["authorization_code", "refresh_token", device], "x": {"y": []}})
    get_tokens(application, person)
    client = application.extensions["grantwright"].clients.find(URL)
    assert client.grant_types == ("authorization_code", "refresh_token")
    assert "x" not in client.metadata


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"token_endpoint_auth_method": None}, "none"),
        ({"token_endpoint_auth_method": "tls_client_auth", "token_endpoint_auth_methods_supported": ["none"]}, "none"),
        ({"token_endpoint_auth_method": None, "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
          "jwks_uri": "https://app.example/jwks.json"}, "private_key_jwt"),
        ({"token_endpoint_auth_method": "none", "token_endpoint_auth_methods_supported": ["private_key_jwt"],
          "jwks_uri": "https://app.example/jwks.json", "token_endpoint_auth_signing_alg": "RS256"}, "none"),
    ],
)  # fmt: skip
def test_a_document_has_one_authentication_method(
    application: Flask, person: Person, internet: Internet, members: dict[str, Any], expected: str
) -> None:
    document = {**DOCUMENT, **members}
    internet.publish({name: value for name, value in document.items() if value is not None})
    assert ask(person).status == 200
    assert application.extensions["grantwright"].clients.find(URL).token_endpoint_auth_method == expected


# Whose documents count


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([("create_app()", {})], ["*"]),
        ([("create_app()", {"OAUTH2_METADATA_DOCUMENT_HOSTS": ["claude.ai"]})], ["claude.ai"]),
        ([("create_app()", PRODUCTION)], []),
        ([(HOST, {})], []),
        ([(HOST, {"OAUTH2_METADATA_DOCUMENT_HOSTS": ["*"]})], ["*"]),
    ],
)
def test_every_host_counts_in_the_demo_alone_by_default(layers: Any, expected: list[str]) -> None:
    assert read_configuration(layers, {}).settings.metadata_document_hosts == expected


@pytest.mark.parametrize("host", ["https://claude.ai", "claude.ai/x", "*.claude.ai", "Claude.ai", "claude.ai:443", 5])
def test_a_host_that_no_url_can_have_stops_the_start(host: object) -> None:
    with pytest.raises(SettingsError, match="OAUTH2_METADATA_DOCUMENT_HOSTS"):
        read_configuration([("create_app()", {"OAUTH2_METADATA_DOCUMENT_HOSTS": [host]})], {})


@pytest.mark.parametrize("hosts", [[], ["other.example"], ["example"]])
def test_only_listed_hosts_count(create_application: Create, internet: Internet, hosts: list[str]) -> None:
    person = Person(create_application(OAUTH2_METADATA_DOCUMENT_HOSTS=hosts).test_client())
    person.log_in()
    assert is_refused(ask(person))
    assert internet.requested == []


def test_a_client_of_a_host_that_is_no_longer_listed_is_unknown_and_its_tokens_are_inactive(
    create_application: Create, internet: Internet
) -> None:
    settings = {"OAUTH2_OUTBOUND_CA": str(internet.certificate)}
    application = create_application(**settings)
    person = Person(application.test_client())
    person.log_in()
    tokens = get_tokens(application, person)
    changed = create_application(initdb=False, **settings, OAUTH2_METADATA_DOCUMENT_HOSTS=["other.example"])
    assert refresh(changed, tokens).status_code == 401
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert changed.test_client().get("/api/me", headers=headers).status_code == 401


def test_switched_off_nothing_of_it_is_left(create_application: Create, internet: Internet) -> None:
    settings = {"OAUTH2_OUTBOUND_CA": str(internet.certificate)}
    application = create_application(**settings)
    person = Person(application.test_client())
    person.log_in()
    tokens = get_tokens(application, person)
    off = create_application(initdb=False, **settings, OAUTH2_SPECS={"draft_client_id_metadata_document": False})
    metadata = Provider(off).get("/.well-known/oauth-authorization-server").json
    assert "client_id_metadata_document_supported" not in metadata
    assert refresh(off, tokens).status_code == 401


# What is fetched


def test_an_unknown_url_is_not_fetched_by_the_other_endpoints(application: Flask, internet: Internet) -> None:
    provider = Provider(application)
    fields = {"client_id": URL, "token": "x", "code": "x", "refresh_token": "x"}
    for grant_type in ("authorization_code", "refresh_token", "client_credentials"):
        assert provider.post("/oauth/token", {"grant_type": grant_type, **fields}).error == "invalid_client"
    for path in ("/oauth/introspect", "/oauth/revoke"):
        assert provider.post(path, fields).error == "invalid_client"
    assert internet.requested == []


# Operators


def test_a_disabled_client_stays_disabled_and_is_not_fetched(
    application: Flask, person: Person, internet: Internet
) -> None:
    ask(person)
    clients = application.extensions["grantwright"].clients
    clients.set_disabled(clients.find(URL).id, True)
    assert is_refused(ask(person))
    assert internet.requested == [URL]


def test_a_document_fetched_before_an_operator_decided_is_not_taken(
    application: Flask, person: Person, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(person)
    server = application.extensions["grantwright"]
    row, fetch = server.clients.find(URL).id, server.outbound.fetch_answer
    evil = "https://app.example/evil"
    internet.publish({**DOCUMENT, "redirect_uris": [CALLBACK, evil]})

    def fetch_slowly(*arguments: Any, **options: Any) -> Any:
        answer = fetch(*arguments, **options)
        server.clients.update(row, {}, is_first_party=True)
        return answer

    monkeypatch.setattr(server.outbound, "fetch_answer", fetch_slowly)
    with time_machine.travel(time.time() + 3601, tick=False):
        person.log_in()
        assert is_refused(ask(person, redirect_uri=evil))
        assert server.clients.find_row(row).redirect_uris == (CALLBACK,)


def test_an_operator_sees_when_it_was_fetched_and_changes_only_decisions(application: Flask, person: Person) -> None:
    ask(person)
    provider = Provider(application)
    shown = run_for_json(provider, "clients", "show", URL, "--json")
    assert shown["document_fetched_at"] < shown["document_fresh_until"]
    run(provider, "clients", "set", "--access-token-format", "jwt", URL)
    refused = run(provider, "clients", "set", "--name", "Better", URL, exit_code=1)
    assert "metadata document" in refused.output
    assert run_for_json(provider, "clients", "show", URL, "--json")["client_name"] == DOCUMENT["client_name"]


def test_beyond_a_thousand_the_oldest_unused_client_makes_room(
    application: Flask, person: Person, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("website.clients.document_fetching.MAX_UNUSED", 2)
    get_tokens(application, person)
    for number in range(3):
        ask(person, internet.publish({**DOCUMENT, "client_id": f"https://app.example/{number}"}))
    with application.extensions["grantwright"].database.reading() as session:
        found = set(session.scalars(select(OAuth2Client.client_id)))
    assert len(found) == 3
    assert URL in found, "one that has tokens isn't counted"


def test_the_demo_takes_sixty_new_ones_a_minute(create_application: Create, internet: Internet) -> None:
    application = create_application(OAUTH2_OUTBOUND_CA=str(internet.certificate), OAUTH2_RATE_LIMITS={"register": 2})
    person = Person(application.test_client())
    person.log_in()
    urls = [internet.publish({**DOCUMENT, "client_id": f"https://app.example/{number}"}) for number in range(3)]
    assert [ask(person, url).status for url in urls] == [200, 200, 429]
    assert ask(person, urls[0]).status == 200


def test_pruning_deletes_unused_clients_and_those_whose_document_is_gone_and_keeps_disabled_ones(
    application: Flask, person: Person, internet: Internet
) -> None:
    used, gone, unused, disabled = (
        internet.publish({**DOCUMENT, "client_id": f"https://app.example/{name}.json"})
        for name in ("used", "gone", "unused", "disabled")
    )
    clients = application.extensions["grantwright"].clients
    for url in (used, gone):
        get_tokens(application, person, url)
    for url in (unused, disabled):
        ask(person, url)
    clients.set_disabled(clients.find(disabled).id, True)
    del internet.pages[gone]
    clients.documents._withdraw(clients.find(gone), "gone")
    with time_machine.travel(time.time() + 86400 + 120, tick=True):
        run(Provider(application), "prune")
    with application.extensions["grantwright"].database.reading() as session:
        assert set(session.scalars(select(OAuth2Client.client_id))) == {used, disabled}
