"""A client does not outlive the rights of its owner: by page and by command, on each database, and embedded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run, run_for_json
from tests.support.embedding_host import Host, Visitor
from tests.support.person import REDIRECT_URI
from tests.support.residents import PASSWORD, Resident, add_user, open_database
from tests.support.token_requests import PRODUCTION, MachineClient, Provider, open_provider
from website.clients.owners import OwnerGoneError

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
    assert node.server.access_tokens.find_live(machine)

    run(node, "users", *command)

    for grant, more in (
        ("client_credentials", {}),
        ("password", fields),
        ("refresh_token", {"refresh_token": users["refresh_token"]}),
    ):
        answer = node.ask_token(theirs, grant, **more)
        assert (answer.status, answer.error) == (401, "invalid_client")
    for token in (machine, users["access_token"]):
        assert node.server.access_tokens.find_live(token) is None
    event = latest_event(node, "client_disabled")
    assert event.detail["client_id"] == theirs.client_id
    assert node.ask_token(others).status == node.ask_token(nobodys).status == 200

    run(node, "clients", "enable", "--", theirs.client_id)  # an operator's word: the client, and no token of it
    assert node.ask_token(theirs).status == 200
    assert node.ask_token(theirs, "refresh_token", refresh_token=users["refresh_token"]).status == 400
    assert node.server.access_tokens.find_live(machine) is None


def test_an_account_that_is_enabled_again_brings_back_neither_clients_nor_tokens(node: Provider) -> None:
    client = create_for(node, "mallory")
    token = node.get_token(client)["access_token"]
    run(node, "users", "disable", "mallory")
    run(node, "users", "enable", "mallory")
    assert node.ask_token(client).status == 401
    assert node.server.access_tokens.find_live(token) is None


def test_deletion_asks_what_becomes_of_the_clients(node: Provider) -> None:
    client = create_for(node, "mallory")
    token = node.get_token(client)["access_token"]
    output = run(node, "users", "delete", "mallory", "--yes", exit_code=1).output
    assert "mallory owns Robot. Add --new-owner USERNAME or --end-clients." in output
    assert node.server.users.find_row("mallory") is not None
    for wrong in ("mallory", "nobody at all"):
        run(node, "users", "delete", "mallory", "--yes", "--new-owner", wrong, exit_code=2 if wrong == "mallory" else 1)

    run(node, "users", "delete", "mallory", "--yes", "--new-owner", "ada")

    assert node.server.clients.find_any(client.client_id).owner_subject == subject_of(node, "ada")
    event = latest_event(node, "client_owner_changed")
    assert (event.detail["client_id"], event.detail["owner"]) == (client.client_id, subject_of(node, "ada"))
    assert node.ask_token(client).status == 200
    assert node.server.access_tokens.find_live(token) is not None


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
            threading.Thread(target=lambda: node.server.users.disable(account.id, may_be_last=True)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        left = node.server.clients.list_of_owner(subject_of(node, "ada"))
        assert [client for client in left if client.is_enabled] == []
        node.server.users.enable(account.id)


def test_a_client_given_away_at_the_moment_its_new_owner_is_disabled_is_no_client_that_works(node: Provider) -> None:
    account, client = node.server.users.find_row("mallory"), create_for(node, "ada")
    mallory, ada = subject_of(node, "mallory"), subject_of(node, "ada")

    def give() -> None:
        with suppress(OwnerGoneError):
            node.server.clients.owners.set(client.row, mallory)

    for _round in range(8):
        at_once(2, lambda index: give() if index else node.server.users.disable(account.id))
        found = node.server.clients.find_any(client.client_id)
        assert found.owner_subject == ada or not found.is_enabled
        node.server.users.enable(account.id)
        node.server.clients.owners.set(client.row, ada)
        node.server.clients.set_disabled(client.row, False)


@pytest.mark.parametrize("ending", ["disable", "delete"])
def test_nobody_gets_a_client_whose_account_has_ended_since_it_was_named(node: Provider, ending: str) -> None:
    account, client, mallory = (
        node.server.users.find_row("mallory"),
        create_for(node, "ada"),
        subject_of(node, "mallory"),
    )
    getattr(node.server.users, ending)(account.id)
    with pytest.raises(OwnerGoneError):
        node.server.clients.owners.set(client.row, mallory)
    assert node.server.clients.find_any(client.client_id).owner_subject == subject_of(node, "ada")


def test_no_clients_are_left_to_an_account_that_was_disabled_meanwhile(node: Provider) -> None:
    heir, leaving, client = (
        node.server.users.find_row("mallory"),
        node.server.users.find_row("ada"),
        create_for(node, "ada"),
    )
    node.server.users.disable(heir.id)
    with pytest.raises(OwnerGoneError):
        node.server.users.delete(leaving.id, new_owner=heir.id, may_be_last=True)
    assert node.server.clients.find_any(client.client_id).owner_subject == subject_of(node, "ada")


def test_a_command_that_disables_an_account_names_the_clients_that_ended(node: Provider) -> None:
    create_for(node, "mallory")
    output = run(node, "users", "disable", "mallory", "--last-operator").output
    assert "Clients disabled: Robot. `flask clients enable` enables one again." in output


def test_a_command_that_takes_the_last_operator_away_says_so(node: Provider) -> None:
    run(node, "users", "set", "mallory", "--operator")
    assert "no operator is left" not in run(node, "users", "set", "ada", "--no-operator").output
    assert "no operator is left" in run(node, "users", "disable", "mallory", "--last-operator").output


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


def test_an_operator_gives_a_client_to_a_user_of_the_host_by_command(host: Host) -> None:
    made, ask = machine_of(host)
    pages = Provider(host.provider.pages)
    run(pages, "clients", "set", made.client_id, "--owner", "m2")
    shown = run_for_json(pages, "clients", "show", "--json", "--", made.client_id)
    assert shown["owner_subject"] == host.provider.server.accounts.subjects.find("m2")
    assert ask() == 200
    host.change("m2", is_active=False)
    assert ask() == 401
    output = run(pages, "clients", "set", made.client_id, "--owner", "nobody", exit_code=1).output
    assert "There is no user of this application with the id 'nobody'" in output
