"""The parts of a client's page, and lists of clients: what they say of an application, and to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.device_flow import DEVICE_CODE
from tests.support.one_application import open_application
from tests.support.person import Person
from tests.support.residents import ISSUER, add_user, logged_in
from tests.support.token_requests import PRODUCTION, Provider
from tests.support.tried_flow import create_own_client, exchange, page_of, run_flow

ORIGIN = "http://localhost"


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_application(tmp_path_factory.mktemp("production"), **PRODUCTION, OAUTH2_CLIENT_CREATION="users") as made:
        provider = Provider(made)
        for name in ("ada", "bob", "operator"):
            add_user(provider, name, is_operator=name == "operator")
        yield provider


def row_in_list(person: Person, client_id: str) -> str:
    rows = re.findall(r"<tr>.*?</tr>", person.get("/").text, re.DOTALL)
    return next(row for row in rows if client_id in row)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("Web app", {"token_endpoint_auth_method": "client_secret_basic"}),
        ("Single-page app", {"redirect_uri": "https://app.example/callback"}),
        ("Single-page app", {"redirect_uri": "http://localhost:5173/callback"}),
        ("Native app", {"redirect_uri": "http://127.0.0.1/callback"}),
        ("Native app", {"redirect_uri": "com.example.app:/callback"}),
        ("Test app", {}),
        ("Device", {"grant_type": DEVICE_CODE, "redirect_uri": "", "response_type": ""}),
        (
            "Machine",
            {
                "grant_type": "client_credentials", "redirect_uri": "", "response_type": "",
                "token_endpoint_auth_method": "client_secret_basic",
            },
        ),
        (
            "API",
            {
                "grant_type": "client_credentials", "redirect_uri": "", "response_type": "", "may_introspect": "yes",
                "token_endpoint_auth_method": "client_secret_basic",
            },
        ),
    ],
)  # fmt: skip
def test_pages_say_what_kind_of_application_a_client_is(provider: Any, words: str, fields: dict[str, str]) -> None:
    person = Person(provider.application.test_client())
    person.log_in("grace")
    client = create_own_client(person, ORIGIN, **fields)
    assert f'data-label="Type">{words}</td>' in row_in_list(person, client.client_id)
    assert f'<p class="quiet">{words}</p>' in person.get(page_of(provider.application, client)).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"client_uri": ""}, {"Logo": "Not set", "Home page": "Not set", "After logout": "Stays connected"}),
        (
            {"client_uri": "https://app.example", "redirect_uri": "https://app.example/callback"},
            {"Home page": "Not listed: it has an owner", "After logout": "Access ends with the login"},
        ),
        ({"more": '{"logo_uri": "https://app.example/logo.png"}'}, {"Logo": "Shown"}),
        ({"logo": "hidden", "listed": "no"}, {"Logo": "Not shown", "Home page": "Not listed"}),
    ],
    ids=["nothing chosen", "with a website", "with a logo", "chosen"],
)
def test_the_settings_say_what_a_default_means_for_the_client(
    provider: Any, fields: dict[str, str], said: dict[str, str]
) -> None:
    person = Person(provider.application.test_client())
    person.log_in("ivan")
    page = page_of(provider.application, create_own_client(person, ORIGIN, **fields))
    settings = person.get(page.removesuffix("/try") + "/settings").text
    facts = dict(re.findall(r"<dt>([^<]*)</dt>\s*<dd>([^<]*)</dd>", settings))
    assert {name: facts[name] for name in said} == said


def test_the_list_and_the_page_say_when_a_client_was_used_and_by_whom(provider: Any) -> None:
    person = Person(provider.application.test_client())
    person.log_in("heidi")
    client = create_own_client(person, ORIGIN)
    page = page_of(provider.application, client)
    address = page.removesuffix("/try")
    assert "Never" in row_in_list(person, client.client_id)
    activity = person.get(f"{address}/activity").text
    assert "Nobody has connected to this client yet." in activity

    assert exchange(person, page, run_flow(person, page)).status == 200
    assert "Never" not in row_in_list(person, client.client_id)
    assert "Never" not in person.get(address).text
    activity = person.get(f"{address}/activity").text
    assert "logins: 1" in activity
    assert "<strong>heidi</strong>" in activity


def test_in_production_only_operators_see_who_is_connected(production: Provider) -> None:
    ada, bob = logged_in(production, "ada"), logged_in(production, "bob")
    client = create_own_client(ada, ISSUER)
    address = page_of(production.application, client).removesuffix("/try")
    begun = ada.post(f"{address}/try", ada.get(f"{address}/try").hidden_fields())
    assert bob.decide(bob.get(begun.location)).status == 303
    of_owner = ada.get(f"{address}/activity").text
    assert "1 person has given this client access." in of_owner
    assert "bob" not in of_owner
    assert "<strong>bob</strong>" in logged_in(production, "operator").get(f"{address}/activity").text
    assert bob.get(f"{address}/activity").status == 404


def test_without_counting_there_is_no_activity(tmp_path: Path) -> None:
    with open_application(tmp_path, OAUTH2_ACTIVITY_SECONDS=0) as application:
        person = Person(application.test_client())
        person.log_in("ada")
        client = create_own_client(person, ORIGIN)
        address = page_of(application, client).removesuffix("/try")
        assert person.get(f"{address}/activity").status == 404
        assert "Activity" not in person.get(address).text
        assert "Last used" not in person.get("/").text


def test_the_settings_have_what_to_paste_and_follow_what_the_server_has(tmp_path: Path) -> None:
    with open_application(tmp_path, OAUTH2_SPECS={"oidc_core_id_token": False}) as application:
        person = Person(application.test_client())
        person.log_in("ada")
        client = create_own_client(person, ORIGIN, scope="profile")
        settings = person.get(page_of(application, client).removesuffix("/try") + "/settings").text
        assert f"{ORIGIN}/.well-known/oauth-authorization-server" in settings
        assert f"{ORIGIN}/oauth/token" in settings
        assert "openid-configuration" not in settings
        # Without OpenID Connect a flow can be tried as well.
        page = page_of(application, client)
        shown = exchange(person, page, run_flow(person, page)).text
        assert ("Access token" in shown, "ID token" in shown, "Call UserInfo" in shown) == (True, False, False)
