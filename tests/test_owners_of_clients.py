"""A client does not outlive the rights of its owner: by page and by command, on each database, and embedded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.embedding_host import Host, Visitor
from tests.person import REDIRECT_URI
from tests.test_accounts import PASSWORD, Resident, add_user, latest_event, open_database, run, run_for_json
from tests.token_requests import PRODUCTION, MachineClient, Provider, open_provider

GRANTS = ("client_credentials", "password", "refresh_token", "authorization_code")


@pytest.fixture(params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Provider]:
    with (
        open_database(request, tmp_path, request.param) as uri,
        open_provider(tmp_path, uri, **PRODUCTION) as opened,
    ):
        for name in ("mallory", "ada"):
            add_user(opened, name, is_operator=name == "ada")
        yield opened


def subject_of(node: Provider, name: str) -> str:
    return str(node.server.users.subject_of_name(name))


def create_for(node: Provider, owner: str | None, **more: Any) -> MachineClient:
    metadata = {
        "client_name": "Robot", "redirect_uris": [REDIRECT_URI], "grant_types": [*GRANTS], "response_types": ["code"],
        "scope": "profile photos openid offline_access", "token_endpoint_auth_method": "client_secret_basic", **more,
    }  # fmt: skip
    client, secret = node.server.clients.create(metadata, owner and subject_of(node, owner))
    return MachineClient(client.client_id, secret, client.id, "client_secret_basic")


def introspect(node: Provider, client: MachineClient, token: str) -> Any:
    return node.post("/oauth/introspect", {"token": token}, client).json.get("active")


@pytest.mark.parametrize("command", [("disable", "mallory"), ("delete", "mallory", "--yes", "--end-clients")])
def test_a_client_ends_with_the_account_of_its_owner(node: Provider, command: tuple[str, ...]) -> None:
    theirs, others, nobodys = (create_for(node, owner) for owner in ("mallory", "ada", None))
    fields = {"username": "ada", "password": PASSWORD, "scope": "profile offline_access"}
    machine = node.get_token(theirs)["access_token"]
    users = node.get_token(theirs, "password", **fields)
    assert node.server.find_live_token(machine)

    run(node, "users", *command)

    for grant, more in (
        ("client_credentials", {}),
        ("password", fields),
        ("refresh_token", {"refresh_token": users["refresh_token"]}),
    ):
        answer = node.ask_token(theirs, grant, **more)
        assert (answer.status, answer.error) == (401, "invalid_client")
    for token in (machine, users["access_token"]):
        assert node.server.find_live_token(token) is None
    event = latest_event(node, "client_disabled")
    assert event.detail["client_id"] == theirs.client_id
    assert node.ask_token(others).status == node.ask_token(nobodys).status == 200

    run(node, "clients", "enable", "--", theirs.client_id)  # an operator's word: the client, and no token of it
    assert node.ask_token(theirs).status == 200
    assert node.ask_token(theirs, "refresh_token", refresh_token=users["refresh_token"]).status == 400
    assert node.server.find_live_token(machine) is None


def test_an_account_that_is_enabled_again_brings_back_neither_clients_nor_tokens(node: Provider) -> None:
    client = create_for(node, "mallory")
    token = node.get_token(client)["access_token"]
    run(node, "users", "disable", "mallory")
    run(node, "users", "enable", "mallory")
    assert node.ask_token(client).status == 401
    assert node.server.find_live_token(token) is None


def test_deletion_asks_what_becomes_of_the_clients(node: Provider) -> None:
    client = create_for(node, "mallory")
    token = node.get_token(client)["access_token"]
    output = run(node, "users", "delete", "mallory", "--yes", exit_code=1).output
    assert "mallory owns Robot. Write --new-owner USERNAME or --end-clients." in output
    assert node.server.users.find_row("mallory") is not None
    for wrong in ("mallory", "nobody at all"):
        run(node, "users", "delete", "mallory", "--yes", "--new-owner", wrong, exit_code=2 if wrong == "mallory" else 1)

    run(node, "users", "delete", "mallory", "--yes", "--new-owner", "ada")

    assert node.server.clients.find_any(client.client_id).owner_subject == subject_of(node, "ada")
    event = latest_event(node, "client_owner_changed")
    assert (event.detail["client_id"], event.detail["owner"]) == (client.client_id, subject_of(node, "ada"))
    assert node.ask_token(client).status == 200
    assert node.server.find_live_token(token) is not None


def test_ones_own_deletion_says_which_clients_end_and_ends_them(node: Provider) -> None:
    client = create_for(node, "mallory")
    mallory = Resident(node.application)
    mallory.log_in("mallory")
    assert "<strong>Robot</strong>" in mallory.get("/account/delete").text
    gone = mallory.submit("/account/delete", password=PASSWORD)
    assert gone.status == 303
    assert node.ask_token(client).status == 401
    ended = node.server.clients.find_any(client.client_id)
    assert (ended.owner_subject, ended.is_enabled) == (None, False)


def test_an_account_without_clients_is_deleted_as_ever(node: Provider) -> None:
    create_for(node, "ada")
    run(node, "users", "delete", "mallory", "--yes")
    assert node.server.users.find_row("mallory") is None


def test_a_client_made_at_the_moment_its_owner_is_disabled_ends_too(node: Provider) -> None:
    """Whichever comes first, what is left is no client that works."""
    account = node.server.users.find_row("ada")
    for _round in range(5):
        ada = Resident(node.application)
        ada.log_in("ada")
        page = ada.get("/create_client")
        fields = {
            **page.hidden_fields(), "client_name": "Late", "scope": "profile", "grant_type": "client_credentials",
            "token_endpoint_auth_method": "client_secret_basic",
        }  # fmt: skip
        threads = [
            threading.Thread(target=lambda person=ada, chosen=fields: person.post("/create_client", chosen)),
            threading.Thread(target=lambda: node.server.users.disable(account.id)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        left = node.server.clients.list_of_owner(subject_of(node, "ada"))
        assert [client for client in left if client.is_enabled] == []
        node.server.users.enable(account.id)


# --- embedded: the host's owner is asked


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(f"sqlite:///{tmp_path}/host.sqlite", tmp_path)
    host.set_up()
    yield host
    host.close()


def machine_of(host: Host) -> tuple[Any, Any]:
    visitor = Visitor(host.app.test_client())
    visitor.log_in("m1")
    made = visitor.create_client(grant_type="client_credentials", response_type="", redirect_uri="")

    def ask() -> int:
        door = host.app.test_client(use_cookies=False)
        return door.post("/sso/oauth/token", data={"grant_type": "client_credentials"}, headers=made.basic).status_code

    return made, ask


def test_the_host_is_asked_about_an_owner_at_each_issuance(host: Host) -> None:
    _made, ask = machine_of(host)
    assert ask() == 200
    host.change("m1", is_active=False)
    assert ask() == 401
    host.change("m1", is_active=True)
    assert ask() == 200


def test_no_authorization_begins_for_a_client_whose_owner_the_host_disabled(host: Host) -> None:
    ada, grace = Visitor(host.app.test_client()), Visitor(host.app.test_client())
    ada.log_in("m1")
    grace.log_in("m2")
    made = ada.create_client()
    path = f"/sso/oauth/authorize?response_type=code&client_id={made.client_id}&scope=profile"
    path += f"&code_challenge={'c' * 43}&code_challenge_method=S256"
    assert grace.get(path).status == 200
    host.change("m1", is_active=False)
    assert grace.get(path).status == 400


def test_a_user_whom_the_host_forgets_takes_the_clients_along(host: Host) -> None:
    made, ask = machine_of(host)
    with host.app.test_request_context():
        host.provider.forget("m1")
    assert ask() == 401
    assert not host.provider.server.clients.find_any(made.client_id).is_enabled
    shown = run_for_json(Provider(host.provider.pages), "clients", "show", "--json", "--", made.client_id)
    assert shown["disabled_at"]
