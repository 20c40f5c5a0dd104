"""Who may use which client: at each way to a token, when a rule or a group changes, and by the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.commands import latest_event, run, run_for_json
from tests.support.device_flow import DEVICE_DECISION, allow, enter, page_of, poll, start_device
from tests.support.embedding_host import open_hosts
from tests.support.person import Pkce, code_of
from tests.support.residents import (
    PASSWORD,
    add_client,
    add_user,
    draw_code,
    logged_in,
    open_nodes,
    redeem,
    rows,
)
from tests.support.token_requests import MachineClient, Provider
from website.access import ending_access

PEOPLE = ("ada", "bob")
NO_ACCESS = "The user may not use this application, or needs another kind of login for it."


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    folder = tmp_path_factory.mktemp("instance")
    with open_nodes(request, folder, request.param, OAUTH2_SUPPORT_URL="mailto:help@example.org") as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with the group staff, in which ada is and bob isn't."""
    for name in PEOPLE:
        add_user(nodes[0], name)
    run(nodes[0], "groups", "create", "staff")
    run(nodes[0], "groups", "add", "staff", "ada")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_group", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def client(node: Provider) -> MachineClient:
    """A client for staff alone."""
    added = add_client(node)
    run(node, "access", "set", added.client_id, "--group", "staff")
    return added


def tokens_of(node: Provider, client: MachineClient, username: str) -> dict[str, Any]:
    pkce = Pkce()
    code = draw_code(logged_in(node, username), client, pkce)
    answer = redeem(node, client, code, pkce)
    assert answer.status == 200, answer.body
    return answer.json


def is_alive(node: Provider, client: MachineClient, tokens: dict[str, Any]) -> bool:
    """Tell whether any of these tokens works; they do so all or not at all."""
    alive = {node.is_active(client, tokens["access_token"]), node.is_active(client, tokens["refresh_token"])}
    assert len(alive) == 1, alive
    return alive.pop()


def by_password(node: Provider, client: MachineClient, username: str) -> Any:
    return node.ask_token(client, "password", username=username, password=PASSWORD, scope="profile")


# --- each way to a token


def test_members_get_tokens_and_others_read_why_not(node: Provider, client: MachineClient) -> None:
    assert is_alive(node, client, tokens_of(node, client, "ada"))
    bob = logged_in(node, "bob")
    page = bob.ask(client.client_id, scope="profile", **Pkce().parameters)
    assert page.status == 403
    assert "You can't use" in page.text
    assert "mailto:help@example.org" in page.text
    assert "Switch account" in page.text
    assert "staff" not in page.text  # which groups there are is nobody's business
    assert latest_event(node, "client_access_refused").outcome == "refused"
    back = bob.post("/oauth/authorize", {**page.hidden_fields(), "confirm": "no"})
    assert back.query["error"] == "access_denied"
    assert rows(node, "SELECT count(*) FROM oauth2_event WHERE event = 'consent_denied'") == [(0,)]


def test_a_click_on_allow_is_no_way_round(node: Provider) -> None:
    """The page was shown before the client had a rule."""
    client, bob = add_client(node), logged_in(node, "bob")
    page = bob.ask(client.client_id, scope="profile", **Pkce().parameters)
    run(node, "access", "set", client.client_id, "--group", "staff")
    answer = bob.decide(page)
    assert answer.status == 403
    assert "You can't use" in answer.text
    assert bob.post("/oauth/authorize", {**answer.hidden_fields(), "confirm": "yes"}).status == 403


def test_without_a_page_the_client_is_told(node: Provider, client: MachineClient) -> None:
    answer = logged_in(node, "bob").ask(client.client_id, prompt="none", scope="profile", **Pkce().parameters)
    assert (answer.query["error"], answer.query["error_description"]) == ("access_denied", NO_ACCESS)
    assert rows(node, "SELECT count(*) FROM oauth2_event WHERE event = 'client_access_refused'") == [(0,)]


def test_whom_to_ask_is_the_clients_contact_unless_it_registered_itself(node: Provider, client: MachineClient) -> None:
    node.server.clients.update(client.row, {"contacts": ["desk@client.example", "https://client.example/help", "Zoë"]})
    page = logged_in(node, "bob").ask(client.client_id, scope="profile", **Pkce().parameters).text
    assert 'href="mailto:desk@client.example"' in page
    assert 'href="https://client.example/help"' in page
    assert "Zoë" in page
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_client SET is_self_registered = true"))
    node.server.cache_invalidation.forget()
    page = logged_in(node, "bob").ask(client.client_id, scope="profile", **Pkce().parameters).text
    assert "desk@client.example" not in page
    assert "help@example.org" in page


def test_the_password_grant_gives_others_nothing(node: Provider, client: MachineClient) -> None:
    assert by_password(node, client, "ada").status == 200
    answer = by_password(node, client, "bob")
    assert (answer.status, answer.error, answer.json["error_description"]) == (400, "invalid_grant", NO_ACCESS)
    wrong = node.ask_token(client, "password", username="bob", password="wrong", scope="profile")
    assert wrong.json["error_description"] == "Wrong username or password."  # a stranger learns nothing of the rule
    assert rows(node, "SELECT count(*) FROM oauth2_grant") == [(1,)]


def test_a_device_is_not_let_into_the_account_of_others(node: Provider, client: MachineClient) -> None:
    started, bob = start_device(node, client), logged_in(node, "bob")
    enter(bob, started["user_code"])
    page = bob.get(page_of(started["user_code"]))
    assert page.status == 403
    assert "You can't use" in page.text
    bob.post(DEVICE_DECISION, {**page.hidden_fields(), "confirm": "yes", "shown": ""})
    assert poll(node, client, started["device_code"]).error == "authorization_pending"
    bob.post(DEVICE_DECISION, {**page.hidden_fields(), "confirm": "no"})
    waited = text("UPDATE oauth2_device_code SET polled_at = NULL")
    with node.server.database.engine.begin() as connection:
        connection.execute(waited)
    assert poll(node, client, started["device_code"]).error == "access_denied"


def test_tokens_in_the_browser_are_for_members_alone(node: Provider) -> None:
    client = node.create_client(
        "implicit",
        redirect_uris=["https://client.example/cb"],
        response_types=["token"],
        token_endpoint_auth_method="none",
        policy={"is_first_party": True},
    )
    run(node, "access", "set", client.client_id, "--group", "staff")
    request = {"response_type": "token", "scope": "profile"}
    assert "access_token" in logged_in(node, "ada").ask(client.client_id, **request).fragment
    assert logged_in(node, "bob").ask(client.client_id, **request).status == 403


# --- what waits when the access is taken


def test_a_code_that_waits_is_refused_when_its_person_leaves_the_group(node: Provider, client: MachineClient) -> None:
    pkce = Pkce()
    code = draw_code(logged_in(node, "ada"), client, pkce)
    run(node, "groups", "remove", "staff", "ada")
    run(node, "groups", "add", "staff", "ada")  # too late for that code
    answer = redeem(node, client, code, pkce)
    assert (answer.status, answer.error) == (400, "invalid_grant")


def test_a_code_of_another_node_that_knew_no_rule_is_refused(node: Provider, nodes: list[Provider]) -> None:
    client, pkce = add_client(node), Pkce()
    bob = logged_in(nodes[1], "bob")
    code = code_of(bob.allow(client.client_id, scope="profile", **pkce.parameters))
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_client SET is_restricted = true"))  # no node has been told yet
    answer = redeem(nodes[1], client, code, pkce)
    assert (answer.error, answer.json["error_description"]) == ("invalid_grant", NO_ACCESS)
    assert rows(node, "SELECT count(*) FROM oauth2_grant") == [(0,)]


def test_an_allowed_device_gets_nothing_once_its_person_has_left(node: Provider, client: MachineClient) -> None:
    started = start_device(node, client)
    allow(logged_in(node, "ada"), started["user_code"])
    run(node, "groups", "remove", "staff", "ada")
    assert poll(node, client, started["device_code"]).error == "invalid_grant"  # its code is gone
    assert rows(node, "SELECT count(*) FROM oauth2_device_code") == [(0,)]


# --- tokens that are there when the access is taken


def take_by_rule(node: Provider, client: MachineClient) -> None:
    run(node, "groups", "create", "other")
    run(node, "access", "set", client.client_id, "--group", "other")


def take_by_membership(node: Provider, client: MachineClient) -> None:
    run(node, "groups", "remove", "staff", "ada")


def take_by_group(node: Provider, client: MachineClient) -> None:
    run(node, "groups", "delete", "staff", "--yes")


def take_by_factor(node: Provider, client: MachineClient) -> None:
    run(node, "access", "set", client.client_id, "--factor", "2")


@pytest.mark.parametrize("take", [take_by_rule, take_by_membership, take_by_group, take_by_factor])
@pytest.mark.parametrize("limit", [1000, 0])
def test_taking_the_access_ends_the_tokens_on_every_node(
    node: Provider, nodes: list[Provider], client: MachineClient, take: Any, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grant by grant, and beyond the limit by the client's epoch."""
    monkeypatch.setattr(ending_access, "MAX_GRANTS", limit)
    tokens, elsewhere = tokens_of(node, client, "ada"), add_client(node)
    others = tokens_of(node, elsewhere, "ada")
    assert is_alive(nodes[1], client, tokens)
    take(node, client)
    nodes[1].server.cache_invalidation.check_now()
    for each in nodes:
        assert not is_alive(each, client, tokens)
        assert each.refresh(client, tokens["refresh_token"]).error == "invalid_grant"
        assert is_alive(each, elsewhere, others)
    assert latest_event(node, "client_access_ended").detail["client_id"] == client.client_id
    assert rows(node, "SELECT count(*) FROM oauth2_consent") == [(2,)]  # whoever may use it again isn't asked again


def test_who_may_go_on_keeps_their_tokens(node: Provider) -> None:
    client = add_client(node)
    staying, leaving = tokens_of(node, client, "ada"), tokens_of(node, client, "bob")
    changed = run(node, "access", "set", client.client_id, "--group", "staff").stdout
    assert changed.endswith("members of staff may use it\n1 grant was revoked\n")
    assert is_alive(node, client, staying)
    assert not is_alive(node, client, leaving)
    assert node.refresh(client, staying["refresh_token"]).status == 200


def test_another_group_of_the_rule_is_enough(node: Provider, client: MachineClient) -> None:
    run(node, "groups", "create", "admins")
    run(node, "groups", "add", "admins", "ada")
    run(node, "access", "set", client.client_id, "--group", "staff", "--group", "admins")
    tokens = tokens_of(node, client, "ada")
    run(node, "groups", "remove", "staff", "ada")
    assert is_alive(node, client, tokens)
    run(node, "groups", "delete", "admins", "--yes")
    assert not is_alive(node, client, tokens)


def test_beyond_the_limit_those_who_may_go_on_log_in_again(
    node: Provider, client: MachineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(node, "groups", "add", "staff", "bob")
    monkeypatch.setattr(ending_access, "MAX_GRANTS", 0)
    of_ada, of_bob = tokens_of(node, client, "ada"), tokens_of(node, client, "bob")
    run(node, "groups", "remove", "staff", "bob")
    assert not is_alive(node, client, of_ada)
    assert not is_alive(node, client, of_bob)
    again = tokens_of(node, client, "ada")
    assert is_alive(node, client, again)
    assert node.refresh(client, again["refresh_token"]).status == 200


def test_grants_of_the_former_release_end_beyond_the_limit_too(
    node: Provider, client: MachineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tokens_of(node, client, "ada")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_grant SET client_epoch = NULL"))
    assert is_alive(node, client, tokens)
    monkeypatch.setattr(ending_access, "MAX_GRANTS", 0)
    run(node, "groups", "remove", "staff", "ada")
    assert not is_alive(node, client, tokens)
    assert node.refresh(client, tokens["refresh_token"]).error == "invalid_grant"


def test_opening_a_client_to_everybody_ends_nothing(node: Provider, client: MachineClient) -> None:
    tokens = tokens_of(node, client, "ada")
    run(node, "access", "set", client.client_id, "--everybody")
    assert is_alive(node, client, tokens)
    assert is_alive(node, client, tokens_of(node, client, "bob"))


# --- what the client learns


def test_the_groups_of_its_rule_are_those_that_a_client_learns(node: Provider) -> None:
    client = add_client(node, is_first_party=False)
    node.server.clients.update(client.row, {"scope": "openid profile groups"})
    for name in ("admins", "other"):
        run(node, "groups", "create", name)
        run(node, "groups", "add", name, "ada")
    run(node, "access", "set", client.client_id, "--group", "staff", "--group", "admins")
    fields = {"username": "ada", "password": PASSWORD, "scope": "openid groups"}
    token = node.get_token(client, "password", **fields)["access_token"]
    claims = node.get("/oauth/userinfo", Authorization=f"Bearer {token}").json
    assert claims["groups"] == ["admins", "staff"]


# --- commands


def test_the_commands_say_who_may_use_a_client_and_which_rule_decided(node: Provider, client: MachineClient) -> None:
    name = client.client_id
    said = run(node, "access", "check", "ada", name).stdout
    assert "ada may use" in said
    assert "Members of staff may use it." in said
    refused = run(node, "access", "check", "BOB", name, exit_code=1).stdout
    assert "bob may not use" in refused
    assert "Only members of its groups may use it" in refused
    assert run_for_json(node, "access", "show", name, "--json") == {
        "client_id": name,
        "client_name": node.server.clients.find_any(name).client_name,
        "who": "groups",
        "groups": ["staff"],
        "required_acr": None,
    }
    assert latest_event(node, "client_access_changed").detail["groups"] == ["staff"]
    run(node, "groups", "delete", "staff", "--yes")
    assert "its rule has no group left" in run(node, "access", "check", "ada", name, exit_code=1).stdout
    run(node, "access", "set", name, "--everybody", "--factor", "phr")
    checked = run(node, "access", "check", "bob", name).stdout
    assert checked.endswith("Everyone with an account may use it.\nA login for it needs a passkey.\n")
    run(node, "access", "set", name, "--factor", "none")
    assert run_for_json(node, "access", "show", name, "--json")["required_acr"] is None
    run(node, "users", "disable", "bob")
    assert "The account is disabled." in run(node, "access", "check", "bob", name, exit_code=1).stdout


def test_the_commands_refuse_what_makes_no_sense(node: Provider, client: MachineClient) -> None:
    for arguments in ((), ("--everybody", "--group", "staff")):
        assert "Give either" in run(node, "access", "set", client.client_id, *arguments, exit_code=2).output
    assert "no group named 'x'" in run(node, "access", "set", client.client_id, "--group", "x", exit_code=1).output
    assert "no client with" in run(node, "access", "check", "ada", "x", exit_code=1).output
    assert "no user named" in run(node, "access", "check", "x", client.client_id, exit_code=1).output


def test_the_same_rule_again_changes_nothing(node: Provider, client: MachineClient) -> None:
    before = rows(node, "SELECT count(*) FROM oauth2_event")
    run(node, "access", "set", client.client_id, "--group", "STAFF", "--group", "staff")
    assert rows(node, "SELECT count(*) FROM oauth2_event") == before


def test_rules_go_with_their_client_and_with_their_group(node: Provider, client: MachineClient) -> None:
    other = add_client(node)
    run(node, "access", "set", other.client_id, "--group", "staff")
    node.server.clients.delete(client.row)
    assert rows(node, "SELECT client FROM oauth2_client_group") == [(other.row,)]
    run(node, "groups", "delete", "staff", "--yes")
    assert rows(node, "SELECT count(*) FROM oauth2_client_group") == [(0,)]
    assert rows(node, "SELECT is_restricted FROM oauth2_client") == [(True,)]


def test_an_embedding_application_decides_about_its_own_users(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path}/host.sqlite", tmp_path) as create_host:
        runner = create_host().app.test_cli_runner()
        for arguments in (("set", "x", "--everybody"), ("show", "x"), ("check", "ada", "x")):
            result = runner.invoke(args=["grantwright", "access", *arguments])
            assert result.exit_code == 1
            assert "This application has its own users" in result.output
