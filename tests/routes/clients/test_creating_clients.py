"""Who may create clients, at each door and in each mode, and what an owner may change one into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import latest_event, run, run_for_json
from tests.support.embedding_host import Host, Visitor
from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Answer, Person
from tests.support.registering_client import ask
from tests.support.residents import Resident, add_user
from tests.support.token_requests import PRODUCTION, SCOPES, Provider
from website.clients import Client
from website.routes.clients import client_views as client_pages

MACHINE: dict[str, Any] = {"grant_type": "client_credentials", "response_type": "", "redirect_uri": ""}


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_house(tmp_path_factory.mktemp("production")) as house:
        yield house


@pytest.fixture(scope="module")
def users_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_house(tmp_path_factory.mktemp("users"), OAUTH2_CLIENT_CREATION="users") as house:
        yield house


class open_house:  # noqa: N801 - reads as the function it stands for
    """A production server with an operator, ada, and two who are not, mallory and bob."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        # So that one account may try many forms within a minute: tests/wsgi/test_rate_limit_holders.py has the limit.
        quick = {"OAUTH2_RATE_LIMITS": {"register": 0}}
        defaults = {**PRODUCTION, **quick, "OAUTH2_SCOPES": {**SCOPES, "admin": "Administer"}, **settings}
        self._application = open_application(folder, **defaults)

    def __enter__(self) -> Provider:
        provider = Provider(self._application.__enter__())
        for name in ("ada", "mallory", "bob"):
            add_user(provider, name, is_operator=name == "ada")
        return provider

    def __exit__(self, *error: object) -> None:
        self._application.__exit__(*error)  # type: ignore[arg-type]


def at(provider: Provider, name: str) -> Resident:
    person = Resident(provider.application)
    assert person.log_in(name).status == 303
    return person


def try_to_create(person: Person, **fields: Any) -> Answer:
    chosen = {
        "client_name": "Photo Printer", "scope": "profile", "redirect_uri": REDIRECT_URI,
        "grant_type": "authorization_code", "response_type": "code",
        "token_endpoint_auth_method": "client_secret_basic", **fields,
    }  # fmt: skip
    token = person.get("/").hidden_fields() or person.get("/account").hidden_fields()
    page = person.get("/create_client")
    return person.post("/create_client", {**(page.hidden_fields() or token), **chosen})


def edit(provider: Provider, person: Person, client: Client, **fields: Any) -> Answer:
    path = f"/clients/{client.id}/edit"
    before = {
        "client_name": client.client_name, "client_uri": client.client_uri,
        "scope": " ".join(client.scope), "redirect_uri": "\n".join(client.redirect_uris),
        "grant_type": list(client.grant_types), "response_type": list(client.response_types),
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "may_introspect": "yes" if client.may_introspect else "",
        "first_party": "yes" if client.is_first_party else "",
    }  # fmt: skip
    return person.post(path, {**person.get(path).hidden_fields(), **before, **fields})


def client_of(provider: Provider, client_id: str) -> Client:
    found: Client = provider.server.clients.find_any(client_id)
    return found


# --- H1: who may, in production


def test_in_production_an_account_makes_no_client_unless_it_is_an_operators(production: Provider) -> None:
    mallory = at(production, "mallory")
    before = production.server.clients.list_of_owner(subject_of(production, "mallory"))
    assert mallory.get("/create_client").status == 403
    for fields in ({**MACHINE, "scope": "admin"}, {}, {"grant_type": "password", "response_type": ""}):
        assert try_to_create(mallory, **fields).status == 403
    assert production.server.clients.list_of_owner(subject_of(production, "mallory")) == before
    assert try_to_create(at(production, "ada"), **MACHINE, scope="admin").status == 200


def subject_of(provider: Provider, name: str) -> str:
    return str(provider.server.users.subject_of_name(name))


def test_operators_are_appointed_and_dismissed_by_command_with_an_event_each_way(production: Provider) -> None:
    bob = at(production, "bob")
    assert bob.get("/create_client").status == 403
    run(production, "users", "set", "bob", "--operator")
    assert latest_event(production, "operator_appointed").subject == subject_of(production, "bob")
    bob = at(production, "bob")
    assert bob.get("/create_client").status == 200
    assert "operator" in bob.get("/account").text
    assert run_for_json(production, "users", "show", "bob", "--json")["is_operator"] is True
    listed = {row["username"]: row["is_operator"] for row in run_for_json(production, "users", "list", "--json")}
    assert listed == {"ada": True, "bob": True, "mallory": False}
    run(production, "users", "set", "bob", "--no-operator")
    assert latest_event(production, "operator_dismissed").subject == subject_of(production, "bob")
    assert bob.get("/create_client").status == 403
    assert "operator of" not in bob.get("/account").text
    noted = len(production.server.audit.list(events=["operator_dismissed"]))
    run(production, "users", "set", "bob", "--no-operator")  # as before: nothing happened
    assert len(production.server.audit.list(events=["operator_dismissed"])) == noted


def test_nobody_creates_clients_where_that_is_off_but_the_command(tmp_path: Path) -> None:
    with open_house(tmp_path, OAUTH2_CLIENT_CREATION="off") as house:
        for name in ("ada", "mallory"):
            assert at(house, name).get("/create_client").status == 403
        made = run_for_json(house, "clients", "create", "Robot", "--grant-type", "client_credentials", "--json")
        assert client_of(house, made["client_id"]).is_enabled


@pytest.mark.parametrize(("setting", "status"), [("", 200), ("users", 200), ("operators", 403), ("off", 403)])
def test_in_the_demo_everybody_has_an_operators_choice(tmp_path: Path, setting: str, status: int) -> None:
    with open_application(tmp_path, OAUTH2_CLIENT_CREATION=setting) as demo:
        person = Person(demo.test_client())
        person.log_in()
        fields = {**MACHINE, "grant_type": ["client_credentials", "password"], "first_party": "yes"}
        assert try_to_create(person, **fields).status == status


@pytest.mark.parametrize("value", ["everybody", "OPERATORS", "0"])
def test_any_other_word_for_who_may_stops_the_start(tmp_path: Path, value: str) -> None:
    with pytest.raises(Exception, match="OAUTH2_CLIENT_CREATION: write operators, users or off"):
        open_application(tmp_path, OAUTH2_CLIENT_CREATION=value).__enter__()


# --- where users may


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (MACHINE, "grant_type"),
        ({"grant_type": "password", "response_type": ""}, "grant_type"),
        ({"grant_type": "implicit", "response_type": "token", "token_endpoint_auth_method": "none"}, "grant_type"),
        ({"scope": "admin"}, "scope"),
        ({"scope": "profile photos"}, "scope"),
        ({"first_party": "yes"}, "first_party"),
        ({"may_introspect": "yes"}, "may_introspect"),
        ({"pkce": "off"}, "pkce"),
    ],
)
def test_where_users_may_create_clients_they_get_what_strangers_may_register(
    users_house: Provider, fields: dict[str, Any], named: str
) -> None:
    refused = try_to_create(at(users_house, "mallory"), **fields)
    assert refused.status == 422
    assert f'<a href="#{named}">' in refused.text
    assert try_to_create(at(users_house, "ada"), **fields).status == 200


def test_what_a_form_leaves_out_skips_no_policy(users_house: Provider) -> None:
    """Neither the response type that follows from a grant, nor the method, nor the scope."""
    mallory = at(users_house, "mallory")
    for fields in (
        {"grant_type": "implicit", "response_type": ""},
        {"token_endpoint_auth_method": ""},
        {"grant_type": "", "response_type": ""},
    ):
        assert try_to_create(mallory, **fields).status == 422


def test_registration_has_the_same_policy_and_fields_left_out_skip_none_of_it(tmp_path: Path) -> None:
    granted = ["authorization_code", "implicit"]
    with open_house(
        tmp_path, OAUTH2_REGISTRATION="open", OAUTH2_CLIENT_CREATION="users", OAUTH2_REGISTRATION_GRANT_TYPES=granted
    ) as house:
        loopback = {"redirect_uris": ["http://127.0.0.1/cb"], "token_endpoint_auth_method": "none"}
        implicit = {"grant_types": ["implicit"], "response_types": ["id_token"]}
        for said in ({}, {"application_type": "web"}):
            answer = ask(house, "", **{**loopback, **implicit, **said})
            assert (answer.status, answer.error) == (400, "invalid_client_metadata"), answer.body
        form = {
            "redirect_uri": "http://127.0.0.1/cb", "grant_type": "implicit", "response_type": "id_token",
            "token_endpoint_auth_method": "none", "scope": "openid",
        }  # fmt: skip
        assert try_to_create(at(house, "mallory"), **form).status == 422
        assert try_to_create(at(house, "ada"), **form).status == 200


def test_an_account_has_so_many_clients_and_no_more(tmp_path: Path) -> None:
    with open_house(tmp_path, OAUTH2_CLIENT_CREATION="users", OAUTH2_CLIENTS_PER_ACCOUNT=2) as house:
        mallory, bob, ada = (at(house, name) for name in ("mallory", "bob", "ada"))
        assert [try_to_create(mallory).status for _ in range(3)] == [200, 200, 422]
        assert "have more than 2 clients" in try_to_create(mallory).text
        assert try_to_create(bob).status == 200  # each account its own
        assert [try_to_create(ada).status for _ in range(3)] == [200, 200, 200]


def test_a_user_changes_a_client_within_what_users_may_have(users_house: Provider) -> None:
    bob = at(users_house, "bob")
    made = bob.create_client(grant_type="authorization_code", scope="profile")
    client = client_of(users_house, made.client_id)
    assert edit(users_house, bob, client, redirect_uri="https://other.example/cb", scope="profile openid").status == 303
    assert edit(users_house, bob, client, scope="admin").status == 422
    assert edit(users_house, bob, client, first_party="yes").status == 422
    assert client_of(users_house, made.client_id).scope == ("profile", "openid")


# --- an owner who is not an operator narrows what an operator gave


@pytest.fixture
def given(production: Provider) -> Client:
    """A client of mallory's to which an operator gave more than users may have."""
    metadata = {
        "client_name": "Robot", "client_uri": "", "redirect_uris": [REDIRECT_URI, "https://two.example/cb"],
        "grant_types": ["authorization_code", "client_credentials"], "response_types": ["code"],
        "scope": "profile admin", "token_endpoint_auth_method": "client_secret_basic",
    }  # fmt: skip
    owner = subject_of(production, "mallory")
    client, _secret = production.server.clients.create(metadata, owner, is_first_party=True)
    return client_of(production, client.client_id)


def test_an_owner_does_not_widen_a_client_while_an_operator_decides_about_it(
    production: Provider, given: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = production.server.users.find_row("mallory")
    production.server.access.roles.grant(person.id, "developer")
    clients, mallory = production.server.clients, at(production, "mallory")
    usual = {"grant_types": ["authorization_code"], "scope": "profile"}
    clients.update(given.id, usual, is_first_party=False)
    before = client_of(production, given.client_id)
    read_form = client_pages.read_form

    def read_slowly(*arguments: Any) -> Any:
        form = read_form(*arguments)
        clients.update(given.id, {}, is_first_party=True)
        return form

    monkeypatch.setattr(client_pages, "read_form", read_slowly)
    answer = edit(production, mallory, before, redirect_uri=f"{REDIRECT_URI}\nhttps://evil.example/cb")
    assert answer.status == 409
    assert "changed meanwhile" in answer.text
    assert "https://evil.example/cb" in answer.text  # what was typed is still there
    assert client_of(production, given.client_id).metadata == before.metadata
    production.server.access.roles.revoke(person.id, "developer")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"redirect_uri": f"{REDIRECT_URI}\nhttps://evil.example/cb"}, "redirect_uri"),
        ({"redirect_uri": "https://evil.example/cb"}, "redirect_uri"),
        ({"scope": "profile admin photos"}, "scope"),
        ({"grant_type": ["authorization_code", "client_credentials", "password"]}, "grant_type"),
        ({"client_name": "Example Bank"}, "client_name"),
        ({"client_uri": "https://bank.example"}, "client_uri"),
        ({"token_endpoint_auth_method": "none", "grant_type": "authorization_code"}, "token_endpoint_auth_method"),
        ({"pkce": "off"}, "pkce"),
        ({"may_introspect": "yes"}, "may_introspect"),
        ({"more": json.dumps({"initiate_login_uri": "https://evil.example/login"})}, "more"),
    ],
)
def test_an_owner_who_is_not_an_operator_does_not_widen_a_client(
    production: Provider, given: Client, fields: dict[str, Any], named: str
) -> None:
    mallory = at(production, "mallory")
    assert "Only an operator" in mallory.get(f"/clients/{given.id}/edit").text
    refused = edit(production, mallory, given, **fields)
    assert refused.status == 422, fields
    assert f'<a href="#{named}">' in refused.text
    assert client_of(production, given.client_id).metadata == given.metadata


@pytest.mark.parametrize(
    "fields",
    [
        {"redirect_uri": REDIRECT_URI},
        {"scope": "profile"},
        {"grant_type": "authorization_code"},
        {"first_party": ""},
        {"pkce": "required"},
        {},
    ],
)
def test_an_owner_who_is_not_an_operator_narrows_rotates_and_deletes(
    production: Provider, given: Client, fields: dict[str, Any]
) -> None:
    mallory = at(production, "mallory")
    assert edit(production, mallory, given, **fields).status == 303
    assert mallory.submit(f"/clients/{given.id}/rotate_secret").status == 200
    assert mallory.submit(f"/clients/{given.id}/delete").status == 303
    assert client_of(production, given.client_id) is None


def test_the_page_of_a_client_names_its_owner_to_operators(production: Provider, given: Client) -> None:
    row = "<dt>Owner</dt><dd>{}</dd>"
    ada, mallory = at(production, "ada"), at(production, "mallory")
    assert row.format("mallory") in ada.get(f"/clients/{given.id}").text
    assert "<dt>Owner</dt>" not in mallory.get(f"/clients/{given.id}").text
    run(production, "clients", "set", given.client_id, "--owner", "bob")
    assert row.format("bob") in ada.get(f"/clients/{given.id}").text
    run(production, "clients", "set", given.client_id, "--no-owner")
    assert row.format("None") in ada.get(f"/clients/{given.id}").text


# --- what somebody sees who may not create clients


def test_whoever_may_not_create_clients_sees_the_apps_they_can_use_and_has_connected(production: Provider) -> None:
    run(
        production, "clients", "create", "Photo Press", "--redirect-uri", REDIRECT_URI, "--uri",
        "https://press.example/",
    )  # fmt: skip
    run(production, "clients", "create", "Robot of theirs", "--grant-type", "client_credentials")
    bob = at(production, "bob")
    home = bob.get("/").text
    assert 'href="https://press.example/" rel="noreferrer"' in home
    assert "<strong>Photo Press</strong>" in home
    assert "Robot of theirs" not in home
    assert "no client yet" not in home
    assert "/create_client" not in home

    made = production.create_client(
        "authorization_code", client_name="Calendar", redirect_uris=[REDIRECT_URI], response_types=["code"],
        policy={"pkce_required": False},
    )  # fmt: skip
    assert bob.allow(made.client_id, scope="profile").status in (302, 303)
    assert " Calendar</span>" in bob.get("/").text
    assert "/create_client" in at(production, "ada").get("/").text


# --- embedded: the host decides


def test_in_an_embedded_provider_the_host_says_who_creates_clients(tmp_path: Path) -> None:
    host = Host(f"sqlite:///{tmp_path}/host.sqlite", tmp_path)
    try:
        host.set_up()
        host.without_clients.add("Grace")
        ada, grace = Visitor(host.app.test_client()), Visitor(host.app.test_client())
        ada.log_in("m1")
        grace.log_in("m2")
        assert ada.get("/sso/create_client").status == 200
        assert grace.get("/sso/create_client").status == 403
        assert "/create_client" not in grace.get("/sso/").text
        host.without_clients.add("Ada")  # from the next request on
        assert ada.get("/sso/create_client").status == 403
    finally:
        host.close()


def test_without_a_word_of_the_hosts_nobody_does(tmp_path: Path) -> None:
    host = Host(f"sqlite:///{tmp_path}/host.sqlite", tmp_path, says_who_creates_clients=False)
    try:
        host.set_up()
        ada = Visitor(host.app.test_client())
        ada.log_in("m1")
        assert ada.get("/sso/create_client").status == 403
    finally:
        host.close()
