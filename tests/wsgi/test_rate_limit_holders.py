"""What is charged to a client, a grant or a token for registering, and not to the address that it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.person import REDIRECT_URI, Pkce, code_of
from tests.support.residents import PASSWORD, Resident, add_client, add_user
from tests.support.token_requests import PRODUCTION, TOKEN, Answer, MachineClient, Provider, open_provider

LIMITS = {
    "token": 3, "register": 3, "initial_access_token": 5, "trusted_networks": ["10.0.0.0/8", "2001:db8:aaaa::/48"],
}  # fmt: skip
REGISTRATION = "/oauth/register"
ADDRESSES = (f"198.51.100.{number}" for number in count(1))
DOCUMENT = {"client_name": "App", "redirect_uris": ["https://app.example/cb"]}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("instance")
    settings = {
        **PRODUCTION, "OAUTH2_RATE_LIMITS": LIMITS, "OAUTH2_REGISTRATION": "open", "OAUTH2_CLIENT_CREATION": "users",
    }  # fmt: skip
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as opened:
        add_user(opened)
        add_user(opened, "mallory")
        add_user(opened, "olga", is_operator=True)
        yield opened


@pytest.fixture
def here() -> str:
    """An address that nothing came from yet."""
    return next(ADDRESSES)


def ask(provider: Provider, client: MachineClient, address: str, **fields: str) -> Answer:
    own_fields, headers = client.credentials
    data = {"grant_type": "client_credentials", **fields, **own_fields}
    return provider.open("POST", TOKEN, data=data, headers=headers, environ_overrides={"REMOTE_ADDR": address})


def statuses(provider: Provider, client: MachineClient, address: str, times: int, **fields: str) -> list[int]:
    return [ask(provider, client, address, **fields).status for _ in range(times)]


def send_json(provider: Provider, method: str, path: str, address: str, document: Any, token: str = "") -> Answer:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"data": json.dumps(document), "content_type": "application/json"} if document is not None else {}
    return provider.open(method, path, headers=headers, environ_overrides={"REMOTE_ADDR": address}, **body)


def register(provider: Provider, address: str, token: str = "") -> Answer:
    return send_json(provider, "POST", REGISTRATION, address, DOCUMENT, token)


def events(provider: Provider, name: str) -> int:
    with provider.server.database.engine.connect() as connection:
        counted = text("SELECT count(*) FROM oauth2_event WHERE event = :name")
        return int(connection.execute(counted, {"name": name}).scalar_one())


def count_changes(provider: Provider) -> int:
    """Return how often nodes were told to forget their clients."""
    with provider.server.database.engine.connect() as connection:
        counter = text("SELECT coalesce(max(counter), 0) FROM oauth2_change WHERE kind = 'clients'")
        return int(connection.execute(counter).scalar_one())


# --- the token endpoint


def test_a_success_with_a_secret_is_charged_to_the_client_and_to_no_address(provider: Provider, here: str) -> None:
    first, second = add_client(provider), add_client(provider)
    assert statuses(provider, first, here, 4) == [200, 200, 200, 429]
    assert statuses(provider, first, next(ADDRESSES), 1) == [429]
    assert statuses(provider, second, here, 3) == [200, 200, 200]


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_a_failure_is_charged_to_the_address_however_the_client_proves_who_it_is(
    provider: Provider, here: str, method: str
) -> None:
    clients = [provider.create_client(token_endpoint_auth_method=method) for _ in range(3)]
    assert [ask(provider, client, here, scope="nonsense").status for client in clients] == [400] * 3
    assert ask(provider, add_client(provider), here).status == 429


def test_a_wrong_secret_is_charged_to_the_address_and_not_to_the_client_it_names(provider: Provider, here: str) -> None:
    client = add_client(provider)
    assert statuses(provider, replace(client, secret="wrong"), here, 4) == [401, 401, 401, 429]
    assert statuses(provider, client, next(ADDRESSES), 3) == [200, 200, 200]


def log_in(provider: Provider, client: MachineClient, address: str) -> Answer:
    return ask(provider, client, address, grant_type="password", username="alice", password=PASSWORD)


def public_client(provider: Provider) -> MachineClient:
    return provider.create_client("password", "refresh_token", token_endpoint_auth_method="none")


def test_a_public_clients_refresh_token_is_charged_to_its_grant(provider: Provider, here: str) -> None:
    client = public_client(provider)
    first, second = (log_in(provider, client, next(ADDRESSES)).json["refresh_token"] for _ in range(2))
    for _ in range(3):
        answer = ask(provider, client, here, grant_type="refresh_token", refresh_token=first)
        assert answer.status == 200, answer.body
        first = answer.json["refresh_token"]
    assert ask(provider, client, here, grant_type="refresh_token", refresh_token=first).status == 429
    assert ask(provider, client, here, grant_type="refresh_token", refresh_token=second).status == 200


def test_a_refresh_token_that_had_to_wait_is_not_used_up(provider: Provider, here: str) -> None:
    client = public_client(provider)
    token = log_in(provider, client, here).json["refresh_token"]
    for _ in range(3):
        token = ask(provider, client, here, grant_type="refresh_token", refresh_token=token).json["refresh_token"]
    assert ask(provider, client, here, grant_type="refresh_token", refresh_token=token).status == 429
    assert provider.server.grants.tokens.read_refresh_token(token).generation == 3
    with provider.server.database.engine.connect() as connection:
        counted = text("SELECT count(*) FROM oauth2_grant WHERE generation = 3 AND revoked_at IS NULL")
        assert connection.execute(counted).scalar_one() >= 1


def test_a_public_clients_code_spares_its_address_and_a_spent_one_does_not(provider: Provider, here: str) -> None:
    client = provider.create_client(
        "authorization_code", redirect_uris=[REDIRECT_URI], response_types=["code"], token_endpoint_auth_method="none"
    )
    person = Resident(provider.application, next(ADDRESSES))
    assert person.log_in().status == 303
    codes, pkce = [], Pkce()
    for _ in range(4):
        codes.append(code_of(person.allow(client.client_id, state="x", **pkce.parameters)))
    redeem = {"grant_type": "authorization_code", "code_verifier": pkce.verifier, "redirect_uri": REDIRECT_URI}
    assert [ask(provider, client, here, code=code, **redeem).status for code in codes] == [200] * 4
    assert [ask(provider, client, here, code=code, **redeem).status for code in codes] == [400, 400, 400, 429]


def test_what_only_names_a_public_client_is_charged_to_the_address(provider: Provider, here: str) -> None:
    client = public_client(provider)
    assert [log_in(provider, client, here).status for _ in range(4)] == [200, 200, 200, 429]
    assert log_in(provider, client, next(ADDRESSES)).status == 200


@pytest.mark.parametrize("fields", [{"refresh_token": "gwrt_nonsense"}, {"refresh_token": ""}, {}])
def test_a_refresh_token_that_opens_nothing_is_charged_to_the_address(
    provider: Provider, here: str, fields: dict[str, str]
) -> None:
    client = public_client(provider)
    assert statuses(provider, client, here, 4, grant_type="refresh_token", **fields) == [400, 400, 400, 429]


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:aaaa::5"])
def test_a_trusted_network_is_not_charged_by_address(provider: Provider, address: str) -> None:
    stranger = replace(add_client(provider), secret="wrong")
    assert set(statuses(provider, stranger, address, 10)) == {401}
    assert {register(provider, address).status for _ in range(5)} == {201}


@pytest.mark.parametrize("address", ["11.1.2.3", "2001:db8:aaab::5", "not an address"])
def test_every_other_network_is(provider: Provider, address: str) -> None:
    stranger = replace(add_client(provider), secret="wrong")
    assert statuses(provider, stranger, address, 4) == [401, 401, 401, 429]


def test_a_client_in_a_trusted_network_has_its_own_limit(provider: Provider) -> None:
    assert statuses(provider, add_client(provider), "10.1.2.3", 4) == [200, 200, 200, 429]


# --- registration


def test_registering_and_managing_without_a_valid_token_share_one_limit(provider: Provider, here: str) -> None:
    sent = [
        register(provider, here),
        send_json(provider, "GET", f"{REGISTRATION}/nobody", here, None, "gwra_wrong"),
        send_json(provider, "DELETE", f"{REGISTRATION}/nobody", here, None),
    ]
    assert [answer.status for answer in sent] == [201, 401, 401]
    for method in ("GET", "PUT", "DELETE"):
        document = DOCUMENT if method == "PUT" else None
        for token in ("", "gwra_wrong"):
            assert send_json(provider, method, f"{REGISTRATION}/nobody", here, document, token).status == 429
    assert register(provider, here).status == 429


@pytest.mark.parametrize("headers", [{"Authorization": "Basic eDp5"}, {"Authorization": "Bearer "}, {}])
def test_no_header_opens_registration_to_an_address_over_its_limit(
    provider: Provider, here: str, headers: dict[str, str]
) -> None:
    def send() -> int:
        body = {"data": json.dumps(DOCUMENT), "content_type": "application/json"}
        overrides = {"REMOTE_ADDR": here}
        return provider.open("POST", REGISTRATION, headers=headers, environ_overrides=overrides, **body).status

    assert [send() for _ in range(4)] == [201, 201, 201, 429]


def test_holders_of_an_initial_access_token_have_a_limit_of_their_own(provider: Provider, here: str) -> None:
    first, second = (provider.server.clients.initial_access_tokens.create("test", 100, 600)[1] for _ in range(2))
    assert [register(provider, here).status for _ in range(4)] == [201, 201, 201, 429]
    assert [register(provider, here, first).status for _ in range(6)] == [201] * 5 + [429]
    assert register(provider, next(ADDRESSES), first).status == 429
    assert register(provider, here, second).status == 201


def test_a_registration_access_token_has_a_limit_of_its_own(provider: Provider, here: str) -> None:
    mine, other = (register(provider, next(ADDRESSES)).json for _ in range(2))

    def read(registered: dict[str, Any], address: str) -> int:
        path = f"{REGISTRATION}/{registered['client_id']}"
        return send_json(provider, "GET", path, address, None, registered["registration_access_token"]).status

    assert [register(provider, here).status for _ in range(3)] == [201] * 3
    assert [read(mine, here) for _ in range(4)] == [200, 200, 200, 429]
    assert read(mine, next(ADDRESSES)) == 429
    assert read(other, here) == 200


@pytest.mark.parametrize("change", [{}, {"client_name": "App"}, {"unknown_member": 1}])
def test_a_put_that_changes_nothing_leaves_no_event_and_no_node_forgets(
    provider: Provider, here: str, change: dict[str, Any]
) -> None:
    registered = register(provider, here).json
    path, token = f"{REGISTRATION}/{registered['client_id']}", registered["registration_access_token"]
    document = {**DOCUMENT, "client_id": registered["client_id"], **change}
    before, changes = events(provider, "client_changed"), count_changes(provider)
    answer = send_json(provider, "PUT", path, here, document, token)
    assert (answer.status, answer.json["client_name"]) == (200, "App")
    assert (events(provider, "client_changed"), count_changes(provider)) == (before, changes)
    changed = send_json(provider, "PUT", path, here, {**document, "client_name": "Another"}, token)
    assert (changed.json["client_name"], events(provider, "client_changed")) == ("Another", before + 1)
    assert count_changes(provider) == changes + 1


def test_the_buckets_of_holders_are_bounded(tmp_path: Path, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("website.oauth2.rate_limits.MAX_BUCKETS", 10)
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        for _ in range(12):
            assert ask(node, add_client(node), "198.51.100.1").status == 200
        assert len(node.server.rate_limits._holders["token"]._full_at) == 10
        assert node.server.rate_limits._addresses["token"]._full_at


@pytest.mark.parametrize("form", ["edit", "rotate_secret", "delete", "logo"])
def test_forms_about_clients_count_for_their_account_but_not_for_an_operators(provider: Provider, form: str) -> None:
    path = f"/clients/none/{form}"
    for name, wanted in (("mallory", 429), ("olga", 404)):
        person = Resident(provider.application)
        assert person.log_in(name).status == 303
        token = person.get("/account").hidden_fields()
        answers = [person.post(path, token) for _ in range(5)]
        assert answers[-1].status == wanted, answers[-1].text
        assert ("Retry-After" in answers[-1].headers) == (wanted == 429)
