"""The form and the page of a client: which of them let it look at tokens."""

from __future__ import annotations

import html
import json
import re
import shlex
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask

from tests.support.device_flow import DEVICE_CODE, allow
from tests.support.one_application import open_application
from tests.support.person import Answer, Person, RegisteredClient
from tests.support.residents import Resident, add_user
from tests.support.token_requests import PRODUCTION, Provider
from website.clients import Client

BOX = "This is an API: it may introspect tokens"
API: dict[str, Any] = {
    "client_name": "API",
    "grant_type": "client_credentials",
    "response_type": "",
    "redirect_uri": "",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_application(tmp_path_factory.mktemp("clients")) as application:
        yield application


@pytest.fixture
def person(house: Flask) -> Person:
    person = Person(house.test_client())
    person.log_in()
    return person


def row_of(house: Flask, registered: RegisteredClient) -> Client:
    found: Client = house.extensions["grantwright"].clients.find_any(registered.client_id)
    return found


def edit(house: Flask, person: Person, registered: RegisteredClient, **fields: str) -> Answer:
    path = f"/clients/{row_of(house, registered).id}/edit"
    chosen = {**API, "token_endpoint_auth_method": "client_secret_basic", **fields}
    return person.post(path, {**person.get(path).hidden_fields(), **chosen})


def test_in_the_demo_a_box_lets_a_client_look_at_tokens_and_takes_it_back(house: Flask, person: Person) -> None:
    assert BOX in person.get("/create_client").text
    provider = Provider(house)
    registered = person.create_client(**API, may_introspect="yes")
    assert row_of(house, registered).may_introspect
    row = row_of(house, registered).id
    assert "Every token for this server: it&#39;s an API" in person.get(f"/clients/{row}/settings").text
    ticked = person.get(f"/clients/{row}/edit").text.partition('name="may_introspect"')[2].partition(">")[0]
    assert "checked" in ticked
    latest = provider.server.audit.list(events=["client_created"])[0]
    assert (latest.client, latest.detail["may_introspect"]) == (row, True)

    assert edit(house, person, registered).status == 303
    assert not row_of(house, registered).may_introspect
    assert "Only its own tokens" in person.get(f"/clients/{row}/settings").text
    latest = provider.server.audit.list(events=["client_changed"])[0]
    assert (latest.client, latest.detail["may_introspect"]) == (row, False)


def test_the_home_page_lists_a_client_with_two_secrets_once_and_the_latest_first(house: Flask) -> None:
    person = Person(house.test_client())
    person.log_in("grace")
    older = person.create_client(client_name="Older", token_endpoint_auth_method="none")
    with time_machine.travel(time.time() + 60):
        registered = person.create_client(client_name="Newer")
    provider = Provider(house)
    client = row_of(house, registered)
    second = provider.server.clients.rotate_secret(client.id, 3600)

    listed = re.findall(r'only-copied"[^>]*><code>([^<]+)</code>', person.get("/").text)
    assert listed == [registered.client_id, older.client_id]
    found = provider.server.clients.list_of_owner(client.owner_subject)
    assert [len(of_one.secrets) for of_one in found] == [2, 0]
    assert found == [row_of(house, registered), row_of(house, older)]
    assert second not in person.get("/").text


def test_a_change_of_something_else_leaves_the_right_alone_and_the_event_unsaid(house: Flask, person: Person) -> None:
    registered = person.create_client(**API, may_introspect="yes")
    assert edit(house, person, registered, client_name="Other", may_introspect="yes").status == 303
    assert row_of(house, registered).may_introspect
    latest = Provider(house).server.audit.list(events=["client_changed"])[0]
    assert "may_introspect" not in latest.detail


@pytest.mark.parametrize(
    "fields",
    [
        {"token_endpoint_auth_method": "none", "grant_type": "password", "may_introspect": "yes"},
        {"may_introspect": "always"},
    ],
)
def test_a_box_that_cannot_be_ticked_is_refused_beside_itself(
    house: Flask, person: Person, fields: dict[str, str]
) -> None:
    registered = person.create_client(**API)
    refused = edit(house, person, registered, **fields)
    assert refused.status == 422
    assert 'id="may_introspect-error"' in refused.text
    assert '<a href="#may_introspect">Introspection</a>' in refused.text
    assert not row_of(house, registered).may_introspect


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_application(tmp_path_factory.mktemp("production"), **PRODUCTION) as house:
        add_user(Provider(house), is_operator=True)
        yield house


@pytest.fixture
def resident(production: Flask) -> Resident:
    resident = Resident(production)
    assert resident.log_in().status == 303
    return resident


def test_in_production_an_operators_form_lets_a_client_look_at_tokens(production: Flask, resident: Resident) -> None:
    assert BOX in resident.get("/create_client").text
    registered = resident.create_client(**API, may_introspect="yes")
    assert row_of(production, registered).may_introspect
    assert edit(production, resident, registered).status == 303
    assert not row_of(production, registered).may_introspect


def test_what_a_command_decided_is_ticked_in_the_form(production: Flask, resident: Resident) -> None:
    registered = resident.create_client(**API)
    row = row_of(production, registered)
    production.extensions["grantwright"].clients.set_may_introspect(row.id, True)
    assert edit(production, resident, registered, client_name="Other", may_introspect="yes").status == 303
    assert (row_of(production, registered).client_name, row_of(production, registered).may_introspect) == (
        "Other",
        True,
    )
    assert "Every token for this server: it&#39;s an API" in resident.get(f"/clients/{row.id}/settings").text


def test_a_client_that_becomes_public_loses_the_right(production: Flask, resident: Resident) -> None:
    registered = resident.create_client(**API)
    production.extensions["grantwright"].clients.set_may_introspect(row_of(production, registered).id, True)
    public = {"token_endpoint_auth_method": "none", "grant_type": "password"}
    assert edit(production, resident, registered, **public).status == 303
    assert edit(production, resident, registered).status == 200  # confidential again, with a new secret
    assert not row_of(production, registered).may_introspect


@pytest.mark.parametrize("grant_type", ["client_credentials", "password"])
@pytest.mark.parametrize("scope", ["openid profile email offline_access", "profile", "openid"])
def test_a_command_of_the_page_that_asks_for_a_token_gets_one(application: Flask, grant_type: str, scope: str) -> None:
    person = Person(application.test_client())
    person.log_in("alice")
    client = person.create_client(scope=scope, grant_type=f"authorization_code\nrefresh_token\n{grant_type}")
    row = application.extensions["grantwright"].clients.find_fresh(client.client_id)
    page = html.unescape(person.get(f"/clients/{row.id}/try").text)
    found = re.search(rf"grant_type={grant_type}\b.*?(?=</)", page, re.DOTALL)
    assert found, page
    words = shlex.split(found.group().replace("\\\n", " "))
    fields = dict(word.split("=", 1) for word in words if "=" in word)
    answer = person.post("/oauth/token", fields, **client.basic)
    assert answer.status == 200, (fields, answer.text)


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_the_commands_of_a_devices_page_lead_to_tokens(application: Flask, method: str) -> None:
    person = Person(application.test_client())
    person.log_in("alice")
    kind = {"grant_type": DEVICE_CODE, "redirect_uri": "", "response_type": "", "token_endpoint_auth_method": method}
    client = person.create_client(scope="openid profile", **kind)
    row = application.extensions["grantwright"].clients.find_fresh(client.client_id)
    page = html.unescape(person.get(f"/clients/{row.id}/try").text)
    asking, polling = re.findall(r"<pre><code>(curl.*?)</code>", page, re.DOTALL)[:2]
    own = client.basic if client.secret else {}
    codes: dict[str, str] = {}
    for command in (asking, polling):
        command = command.replace("${CLIENT_ID}", client.client_id).replace("DEVICE_CODE", codes.get("device_code", ""))
        words = shlex.split(command.replace("\\\n", " "))
        fields = dict(word.split("=", 1) for word in words if "=" in word)
        address = next(word for word in words if word.startswith("http"))
        answer = person.post(urlsplit(address).path, fields, **own)
        assert answer.status == 200, (fields, answer.text)
        if not codes:
            codes = json.loads(answer.text)
            allow(person, codes["user_code"])
    assert "id_token" in json.loads(answer.text)
