"""What an account had before it manages other people's accounts: all of it ends, whichever way the role comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.commands import run
from tests.support.device_flow import DEVICE_CODE, allow, poll, start_device
from tests.support.live_server import close_database
from tests.support.person import REDIRECT_URI, Pkce, code_of
from tests.support.residents import PASSWORD, add_user, draw_code, logged_in, open_nodes, redeem
from tests.support.token_requests import PRODUCTION, MachineClient, Provider, open_provider
from website.app import create_app

ROLES = ("operator", "helpdesk", "auditor", "developer")
STRICT = {"OAUTH2_OPERATORS_NEED_SECOND_FACTOR": True}
OFFLINE = "openid profile offline_access"
WAYS = (
    ("roles", "grant", "operator", "carol"),
    ("users", "set", "carol", "--operator"),
    ("roles", "grant", "helpdesk", "carol"),
    ("roles", "grant", "helpdesk", "theirs", "--group"),
    ("groups", "add", "desk", "carol"),
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with two accounts; a group that carol is in, and one of the helpdesk that she isn't in."""
    for name in ("bob", "carol"):
        add_user(nodes[0], name)
    for group in ("desk", "theirs"):
        run(nodes[0], "groups", "create", group)
    run(nodes[0], "groups", "add", "theirs", "carol")
    run(nodes[0], "roles", "grant", "helpdesk", "desk", "--group")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_group", "oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def client(node: Provider) -> MachineClient:
    grant_types = ("authorization_code", "refresh_token", "password", DEVICE_CODE)
    return node.create_client(*grant_types, redirect_uris=[REDIRECT_URI], response_types=["code"], scope=OFFLINE)


def give_access(node: Provider, client: MachineClient, username: str) -> dict[str, Callable[[], bool]]:
    """Give an account each kind of access for its password alone; return what tells whether it still works."""
    browser, pkce, later = logged_in(node, username), Pkce(), Pkce()
    offline = code_of(browser.allow(client.client_id, scope=OFFLINE, prompt="consent", **pkce.parameters))
    connected = redeem(node, client, offline, pkce).json
    by_password = node.get_token(client, "password", username=username, password=PASSWORD)
    waiting = draw_code(browser, client, later)
    device = start_device(node, client, scope="profile")
    allow(browser, device["user_code"])
    link = node.server.accounts.password_links.create(int(node.server.users.find_row(username).id))
    return {
        "login session": browser.is_logged_in,
        "link": lambda: node.server.accounts.password_links.find(link) is not None,
        "access token": lambda: node.is_active(client, connected["access_token"]),
        "access token of the password grant": lambda: node.is_active(client, by_password["access_token"]),
        "refresh token": lambda: node.refresh(client, connected["refresh_token"]).status == 200,
        "refresh token of the password grant": lambda: node.refresh(client, by_password["refresh_token"]).status == 200,
        "code": lambda: redeem(node, client, waiting, later).status == 200,
        "device code": lambda: poll(node, client, device["device_code"]).status == 200,
    }


def working(access: dict[str, Callable[[], bool]]) -> list[str]:
    return [kind for kind, works in access.items() if works()]


@pytest.mark.parametrize("arguments", WAYS, ids=" ".join)
def test_nothing_from_before_a_role_that_manages_accounts_stays(
    node: Provider, client: MachineClient, arguments: tuple[str, ...]
) -> None:
    of_carol, of_bob = give_access(node, client, "carol"), give_access(node, client, "bob")
    assert "have ended" in run(node, *arguments).stdout
    assert working(of_carol) == []
    assert working(of_bob) == [*of_bob]
    assert working(give_access(node, client, "carol")) == [*of_carol]  # from now on as before


def test_other_roles_end_logins_and_links_and_leave_the_apps(node: Provider, client: MachineClient) -> None:
    access = give_access(node, client, "carol")
    assert "have ended" not in run(node, "roles", "grant", "auditor", "carol").stdout
    assert not {"login session", "link"} & {*working(access)}
    assert {"refresh token", "refresh token of the password grant"} < {*working(access)}


def test_the_page_of_a_role_says_what_ends_with_it(node: Provider) -> None:
    add_user(node, "ada", is_operator=True)
    ada, carol = logged_in(node, "ada"), node.server.users.find_row("carol").id
    told = {role: "Apps and devices" in ada.get(f"/people/{carol}/roles/{role}/grant").text for role in ROLES}
    assert told == {"operator": True, "helpdesk": True, "auditor": False, "developer": False}
    told = {role: "Apps and devices" in ada.get(f"/groups/theirs/roles/{role}/grant").text for role in ROLES[1:]}
    assert told == {"helpdesk": True, "auditor": False, "developer": False}


def run_initdb(strict: Provider) -> None:
    assert "Access without a second factor: ended for 1 account\n" in run(strict, "initdb").stdout
    assert "Access without" not in run(strict, "initdb").stdout


def start_serving(strict: Provider) -> None:
    """Create the application as each process of a server does when it starts."""
    config = {name: strict.application.config[name] for name in ("SQLALCHEMY_DATABASE_URI", "OAUTH2_INSTANCE_PATH")}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AUTHLIB_INSECURE_TRANSPORT", raising=False)
        patch.setattr("website.app.is_granian_worker", lambda: True)
        patch.setattr("website.app.drain_before_stopping", lambda *_arguments: None)
        started = create_app({**config, **PRODUCTION, **STRICT})
    assert started.extensions["grantwright"].accounts.end_access_without_required_factor() == 0
    close_database(started)


@contextmanager
def strict_node(node: Provider, tmp_path: Path) -> Iterator[Provider]:
    """Open another node on the same database, with the setting on."""
    uri = node.application.config["SQLALCHEMY_DATABASE_URI"]
    with open_provider(tmp_path, uri, **{**PRODUCTION, **STRICT}) as strict:
        yield strict


@pytest.mark.parametrize("begin", [run_initdb, start_serving], ids=["initdb", "start"])
@pytest.mark.parametrize("arguments", WAYS, ids=" ".join)
def test_a_setting_that_requires_a_factor_of_managers_ends_what_they_have_without(
    node: Provider,
    client: MachineClient,
    tmp_path: Path,
    arguments: tuple[str, ...],
    begin: Callable[[Provider], object],
) -> None:
    run(node, *arguments)
    with strict_node(node, tmp_path) as strict:
        of_carol, of_bob = give_access(node, client, "carol"), give_access(node, client, "bob")
        begin(strict)
    assert {*working(of_carol)} <= {"link"}
    assert working(of_bob) == [*of_bob]


def test_access_with_two_factors_and_links_stay_where_managers_need_a_factor(
    node: Provider, client: MachineClient, tmp_path: Path
) -> None:
    run(node, "roles", "grant", "helpdesk", "carol")
    access = give_access(node, client, "carol")
    with node.server.database.engine.begin() as connection:
        for table in ("oauth2_session", "oauth2_authorization_code", "oauth2_device_code", "oauth2_grant"):
            connection.execute(text(f"UPDATE {table} SET acr = '2'"))
    with strict_node(node, tmp_path) as strict:
        assert "Access without" not in run(strict, "initdb").stdout
    assert working(access) == [*access]
