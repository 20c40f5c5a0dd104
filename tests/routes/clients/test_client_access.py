"""The part "Access" of a client's page: who may use it, whether one account may, and the claims it gets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import time_machine
from sqlalchemy import text

from tests.support.commands import latest_event, run, run_for_json, stop_client
from tests.support.person import Answer
from tests.support.residents import Resident, add_client, add_user, logged_in, open_nodes
from tests.support.token_requests import MachineClient, Provider
from website import clock


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), "sqlite", 1) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with an operator, with ada and bob, and with the group staff, in which ada is."""
    add_user(nodes[0], "root", is_operator=True)
    for name in ("ada", "bob"):
        add_user(nodes[0], name)
    run(nodes[0], "groups", "create", "staff", "--label", "Everyone on the payroll")
    run(nodes[0], "groups", "add", "staff", "ada")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_group", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def client(node: Provider) -> MachineClient:
    return add_client(node)


@pytest.fixture
def operator(node: Provider) -> Resident:
    return logged_in(node, "root")


def send(person: Resident, client: MachineClient, **fields: str) -> Answer:
    return person.submit(f"/clients/{client.row}/access", **fields)


def group_id(node: Provider) -> str:
    return str(node.server.access.groups.find("staff").id)


def test_an_operator_opens_a_client_to_a_group_and_asks_who_may(
    node: Provider, client: MachineClient, operator: Resident
) -> None:
    assert "Access" in operator.get(f"/clients/{client.row}").text
    assert send(operator, client, who="groups", group=group_id(node), factor="phr").status == 303
    shown = run_for_json(node, "access", "show", client.client_id, "--json")
    assert (shown["groups"], shown["required_acr"]) == (["staff"], "phr")
    event = latest_event(node, "client_access_changed")
    assert (
        event.actor == event.subject == node.server.accounts.subjects.find(str(node.server.users.find_row("root").id))
    )
    page = operator.get(f"/clients/{client.row}/access")
    assert re.search(rf'id="group-{group_id(node)}"[^>]* checked', page.text)
    for name, answer in (("ada", "Yes."), ("bob", "No."), ("nobody", "There is no account")):
        page_of_answer = operator.get(f"/clients/{client.row}/access?username={name}").text
        assert answer in page_of_answer
        assert ("A login for it needs a passkey." in page_of_answer) == (name == "ada")
    run(node, "users", "disable", "ada")
    assert "The account is disabled." in operator.get(f"/clients/{client.row}/access?username=ada").text
    run(node, "users", "enable", "ada")
    stop_client(node, "disable", client)
    answer = operator.get(f"/clients/{client.row}/access?username=ada").text
    assert ("No." in answer, "The client is disabled." in answer) == (True, True)
    stop_client(node, "enable", client)
    assert send(operator, client, who="everybody", factor="any").status == 303
    assert run_for_json(node, "access", "show", client.client_id, "--json")["groups"] is None


def test_no_group_and_a_group_that_is_gone_are_refused(
    node: Provider, client: MachineClient, operator: Resident
) -> None:
    answer = send(operator, client, who="groups", factor="any")
    assert answer.status == 422
    assert "Tick at least one group." in answer.text
    answer = send(operator, client, who="groups", group="gone", factor="any")
    assert answer.status == 422
    assert "has been deleted" in answer.text
    assert run_for_json(node, "access", "show", client.client_id, "--json")["who"] == "everybody"


def test_access_and_claims_are_changed_in_the_ten_minutes_after_a_login(
    node: Provider, client: MachineClient, operator: Resident
) -> None:
    page, claims = f"/clients/{client.row}/access", f"/clients/{client.row}/claims"
    claim = {"claim": "role", "values": "admin", "source": "constant", "form": "string", "place": "id_token"}
    rule = {"who": "groups", "group": group_id(node), "factor": "2"}
    assert operator.submit(claims, page, **claim).location == f"{page}#claims"
    with time_machine.travel(clock.now() + 700, tick=True):
        assert "You logged in more than 10 minutes ago." in operator.get(page).text
        for path, fields in ((page, rule), (claims, {**claim, "values": "owner"}), (f"{claims}/remove", claim)):
            answer = operator.submit(path, page, **fields)
            assert (answer.status, answer.location) == (303, f"/?next={page}&again=1"), path
        assert "Nothing was changed" in operator.get(answer.location).text
        shown = run_for_json(node, "access", "show", client.client_id, "--json")
        assert (shown["who"], shown["required_acr"]) == ("everybody", None)
        assert [stored["constant"] for stored in run_for_json(node, "claims", "list", client.client_id, "--json")] == [
            ["admin"]
        ]
        assert operator.log_in("root", page).location == page
        assert send(operator, client, **rule).location == page
        assert operator.submit(f"{claims}/remove", page, **claim).location == f"{page}#claims"


def test_claims_are_added_and_removed(node: Provider, client: MachineClient, operator: Resident) -> None:
    page, path = f"/clients/{client.row}/access", f"/clients/{client.row}/claims"
    usual = {"source": "groups", "form": "string", "scope": "", "place": "id_token", "field": "username"}
    assert operator.submit(path, page, claim="role", values="staff=Editor", **usual).status == 303
    [claim] = run_for_json(node, "claims", "list", client.client_id, "--json")
    assert claim == {
        "name": "role",
        "as": "string",
        "scope": "profile",
        "in": ["id_token"],
        "groups": [{"group": "staff", "value": "Editor"}],
    }
    assert "staff=Editor" in operator.get(page).text
    for name, values, problem in (
        ("sub", "staff=x", "this server itself"),
        ("role", "crew=x", "There is no group named crew"),
        ("role", "", "Enter at least one value"),
    ):
        answer = operator.submit(path, page, claim=name, values=values, **usual)
        assert answer.status == 422
        assert problem in answer.text
    assert operator.submit(f"{path}/remove", page, claim="role").status == 303
    assert run_for_json(node, "claims", "list", client.client_id, "--json") == []


def test_others_have_no_such_page_even_for_their_own_client(node: Provider, client: MachineClient) -> None:
    ada = logged_in(node, "ada")
    subject = node.server.accounts.subjects.find(str(node.server.users.find_row("ada").id))
    node.server.clients.owners.set(client.row, subject)
    assert ada.get(f"/clients/{client.row}").status == 200
    assert "/access" not in ada.get(f"/clients/{client.row}").text
    assert ada.get(f"/clients/{client.row}/access").status == 404
    token = ada.get("/account").hidden_fields()
    for path in ("access", "claims", "claims/remove"):
        assert ada.post(f"/clients/{client.row}/{path}", {**token, "who": "everybody", "claim": "x"}).status == 404
    assert "client_access_changed" not in {row.event for row in node.server.audit.list()}


def test_home_lists_the_applications_that_a_person_may_use(node: Provider, client: MachineClient) -> None:
    node.server.clients.update(client.row, {"client_uri": "https://press.example"})
    ada, bob = logged_in(node, "ada"), logged_in(node, "bob")
    assert "press.example" in bob.get("/").text
    run(node, "access", "set", client.client_id, "--group", "staff")
    assert "press.example" in ada.get("/").text
    assert "press.example" not in bob.get("/").text
    run(node, "groups", "remove", "staff", "ada")
    assert "press.example" not in ada.get("/").text
