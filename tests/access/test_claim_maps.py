"""Claims that one client gets in addition: from groups, constants and fields, in the places that an operator chose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from sqlalchemy import text

from tests.support.commands import latest_event, run, run_for_json
from tests.support.embedding_host import open_hosts
from tests.support.residents import PASSWORD, add_client, add_user, open_nodes, rows
from tests.support.token_requests import MachineClient, Provider

EVERYWHERE = ("--in", "userinfo", "--in", "id_token", "--in", "introspection", "--in", "access_token")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with the groups editors, in which ada is, and admins, in which nobody is."""
    for name in ("ada", "bob"):
        add_user(nodes[0], name)
    for name in ("admins", "editors"):
        run(nodes[0], "groups", "create", name)
    run(nodes[0], "groups", "add", "editors", "ada")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_group", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def client(node: Provider) -> MachineClient:
    added = add_client(node, access_token_format="jwt")
    node.server.clients.update(added.row, {"scope": "openid profile email groups"})
    return added


def set_claim(node: Provider, client: MachineClient, *arguments: str, exit_code: int = 0) -> str:
    return run(node, "claims", "set", client.client_id, *arguments, exit_code=exit_code).output


def claims_of(
    node: Provider, client: MachineClient, username: str = "ada", scope: str = "openid profile"
) -> dict[str, dict[str, Any]]:
    """Return what a client gets about somebody, by place."""
    fields = {"username": username, "password": PASSWORD, "scope": scope}
    tokens = node.get_token(client, "password", **fields)
    return {
        "userinfo": node.get("/oauth/userinfo", Authorization=f"Bearer {tokens['access_token']}").json,
        "id_token": payload_of(tokens["id_token"]),
        "access_token": payload_of(tokens["access_token"]),
        "introspection": node.introspect(client, tokens["access_token"]),
    }


def payload_of(token: str) -> Any:
    return json.loads(jws.extract_compact(token.encode()).payload)


def test_an_application_reads_its_role_where_it_looks_for_it(node: Provider, client: MachineClient) -> None:
    """As Grafana's role_attribute_path does: one role, the most important one."""
    said = set_claim(node, client, "role", "--group", "admins=Admin", "--group", "editors=Editor", "--as", "string")
    assert said.endswith("gets the claim role\n")
    claims = claims_of(node, client)
    assert [claims[place].get("role") for place in claims] == ["Editor", "Editor", None, None]
    assert "role" not in claims_of(node, client, "bob")["userinfo"]
    run(node, "groups", "add", "admins", "ada")
    assert claims_of(node, client)["userinfo"]["role"] == "Admin"
    set_claim(node, client, "role", "--group", "admins=Admin", "--group", "editors=Editor", *EVERYWHERE)
    assert [each["role"] for each in claims_of(node, client).values()] == [["Admin", "Editor"]] * 4


def test_a_group_stands_for_itself_unless_it_has_a_value(node: Provider, client: MachineClient) -> None:
    set_claim(node, client, "teams", "--group", "EDITORS", "--scope", "groups")
    assert "teams" not in claims_of(node, client)["userinfo"]
    assert claims_of(node, client, scope="openid groups")["userinfo"]["teams"] == ["editors"]


def test_the_claim_groups_of_a_client_may_have_names_of_its_own(node: Provider, client: MachineClient) -> None:
    set_claim(node, client, "groups", "--group", "editors=/wiki/Editors", "--scope", "groups")
    assert claims_of(node, client, scope="openid groups")["userinfo"]["groups"] == ["/wiki/Editors"]


def test_a_client_learns_the_groups_that_its_maps_name(node: Provider, client: MachineClient) -> None:
    run(node, "groups", "create", "secret")
    run(node, "groups", "add", "secret", "ada")
    set_claim(node, client, "role", "--group", "editors=Editor")
    assert claims_of(node, client, scope="openid groups")["userinfo"]["groups"] == ["editors"]


def test_a_constant_is_the_same_for_everybody(node: Provider, client: MachineClient) -> None:
    set_claim(node, client, "tenant", "--constant", "acme")
    set_claim(node, client, "zones", "--constant", "b", "--constant", "a", "--as", "list")
    for username in ("ada", "bob"):
        userinfo = claims_of(node, client, username)["userinfo"]
        assert (userinfo["tenant"], userinfo["zones"]) == ("acme", ["a", "b"])


def test_a_field_of_the_account_goes_by_another_name(node: Provider, client: MachineClient) -> None:
    set_claim(node, client, "login", "--field", "username")
    warned = set_claim(node, client, "display", "--field", "nickname")
    assert "People can change this field themselves" in warned
    set_claim(node, client, "upn", "--field", "email")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET nickname = 'Countess', email = username || '@example.org'"))
    claims = claims_of(node, client, scope="openid profile email")["userinfo"]
    assert (claims["login"], claims["display"]) == ("ada", "Countess")
    assert "upn" not in claims  # the address isn't verified: ada may have typed anybody's
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET email_verified = true"))
    assert claims_of(node, client, scope="openid profile email")["userinfo"]["upn"] == "ada@example.org"
    assert "upn" not in claims_of(node, client)["userinfo"]  # without the scope of addresses


def test_a_name_that_somebody_typed_is_no_name_to_know_them_by(node: Provider, client: MachineClient) -> None:
    set_claim(node, client, "login", "--field", "preferred_username")
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET preferred_username = 'bob' WHERE username = 'ada'"))
    assert claims_of(node, client)["userinfo"]["login"] == "ada"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("sub", "--constant", "x"), "by this server itself"),
        (("Sub", "--constant", "x"), "by this server itself"),
        (("acr", "--group", "editors=2"), "by this server itself"),
        (("email", "--constant", "x@example.org"), "Applications identify people by email"),
        (("Email", "--field", "nickname"), "Applications identify people by Email"),
        (("email_verified", "--field", "username"), "by this server itself"),
        (("Phone_Number_Verified", "--constant", "true"), "by this server itself"),
        (("preferred_username", "--field", "nickname"), "Applications identify people by preferred_username"),
        (("two words", "--constant", "x"), "A claim's name has"),
        (("role", "--constant", "x" * 256), "Values have 1 to 255"),
        (("role", "--constant", "a\u202eb"), "Values have 1 to 255"),
        (("role", "--constant", "a", "--constant", "b"), "Several values need a list"),
        (("role", "--group", "nobody=x"), "no group named 'nobody'"),
        (("role", "--constant", "x", "--scope", "unknown"), "There is no scope 'unknown' here"),
        (("role", "--group", "editors="), "Values have 1 to 255"),
    ],
)
def test_other_maps_are_refused(
    node: Provider, client: MachineClient, arguments: tuple[str, ...], problem: str
) -> None:
    assert problem in set_claim(node, client, *arguments, exit_code=1)
    assert rows(node, "SELECT claim_maps FROM oauth2_client") == [(None,)]


def test_the_maps_of_a_client_fit_into_a_token(node: Provider, client: MachineClient) -> None:
    values = [text for number in range(16) for text in ("--constant", f"{number:02}" + "x" * 200)]
    set_claim(node, client, "long", *values, "--as", "list", *EVERYWHERE)
    assert len(claims_of(node, client)["access_token"]["long"]) == 16
    assert "too many, or too long" in set_claim(node, client, "longer", *values, "--as", "list", exit_code=1)


def test_maps_are_listed_and_removed_and_each_change_is_an_event(
    node: Provider, nodes: list[Provider], client: MachineClient
) -> None:
    set_claim(node, client, "role", "--group", "editors=Editor", "--as", "string")
    set_claim(node, client, "login", "--field", "username")
    assert latest_event(node, "client_claims_changed").detail["claim"] == "login"
    usual = {"scope": "profile", "in": ["userinfo", "id_token"]}
    assert run_for_json(node, "claims", "list", client.client_id, "--json") == [
        {"name": "login", "as": "string", "field": "username", **usual},
        {"name": "role", "as": "string", "groups": [{"group": "editors", "value": "Editor"}], **usual},
    ]
    assert "editors=Editor" in run(node, "claims", "list", client.client_id).stdout
    nodes[1].server.cache_invalidation.check_now()
    assert claims_of(nodes[1], client)["userinfo"]["role"] == "Editor"
    run(node, "access", "set", client.client_id, "--group", "editors")
    asked = run(node, "groups", "delete", "editors", feed="y\n").stdout
    assert "Photo Printer opens for its members." in asked
    assert "The claim role of Photo Printer has a value for its members." in asked
    run(node, "access", "set", client.client_id, "--everybody")
    run(node, "groups", "create", "editors")  # another group, which happens to have its name
    run(node, "groups", "add", "editors", "ada")
    assert "role" not in claims_of(node, client)["userinfo"]
    run(node, "claims", "remove", client.client_id, "role")
    assert "no mapped claim" in run(node, "claims", "remove", client.client_id, "role", exit_code=1).output
    assert [each["name"] for each in run_for_json(node, "claims", "list", client.client_id, "--json")] == ["login"]


def test_an_embedding_application_has_its_users_claims(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path}/host.sqlite", tmp_path) as create_host:
        runner = create_host().app.test_cli_runner()
        for arguments in (("set", "x", "role", "--constant", "a"), ("list", "x"), ("remove", "x", "role")):
            result = runner.invoke(args=["grantwright", "claims", *arguments])
            assert result.exit_code == 1
            assert "This application has its own users" in result.output
