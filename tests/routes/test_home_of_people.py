"""A person's home in production: the apps to open, those that are connected, and the devices; and who lists an app."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run, run_for_json
from tests.support.embedding_host import Visitor, open_hosts
from tests.support.person import REDIRECT_URI, Pkce
from tests.support.residents import Resident, add_client, add_user, draw_code, open_nodes
from tests.support.token_requests import MachineClient, Provider
from website.routes import home


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    settings = {"OAUTH2_CLIENT_CREATION": "users"}
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **settings) as opened:
        add_user(opened[0], "alice")
        add_user(opened[0], "ada", is_operator=True)
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Provider:
    return nodes[0]


@pytest.fixture
def alice(node: Provider) -> Resident:
    browser = Resident(node.application)
    assert browser.log_in().status == 303
    return browser


def create_app(node: Provider, name: str, *, policy: dict[str, Any] | None = None, **metadata: Any) -> MachineClient:
    chosen = {"client_name": name, "redirect_uris": [REDIRECT_URI], "response_types": ["code"], **metadata}
    return node.create_client("authorization_code", policy=policy, **chosen)


def tiles(browser: Resident) -> dict[str, str]:
    """Return the addresses of the apps to open, by name."""
    found = re.findall(
        r'app-tile" href="([^"]*)" rel="noreferrer">.*?<strong>(.*?)</strong>', browser.get("/").text, re.S
    )
    return {html.unescape(name): html.unescape(address) for address, name in found}


def test_app_is_opened_where_logins_begin_or_else_at_its_website(node: Provider, alice: Resident) -> None:
    create_app(node, "Wiki", client_uri="https://wiki.example/start")
    create_app(node, "Chat", client_uri="https://chat.example", initiate_login_uri="https://chat.example/login?a=b")
    create_app(node, "Nowhere")
    create_app(node, "Plain", client_uri="http://plain.example")
    node.create_client("client_credentials", client_name="Job", client_uri="https://job.example")
    found = tiles(alice)
    assert found["Wiki"] == "https://wiki.example/start"
    assert found["Chat"] == "https://chat.example/login?a=b&iss=https%3A%2F%2Fid.example"
    assert not {"Nowhere", "Plain", "Job"} & found.keys()


def test_apps_without_an_address_take_no_place_on_the_page(
    node: Provider, alice: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "MAX_APPS", 2)
    for number in range(3):
        create_app(node, f"!{number}")
        create_app(node, f"!!{number}", client_uri="http://plain.example")
    create_app(node, "!First", client_uri="https://first.example")
    create_app(node, "!Second", initiate_login_uri="https://second.example/login")
    create_app(node, "!Third", client_uri="https://third.example")
    assert list(tiles(alice)) == ["!First", "!Second"]


def test_operators_decide_which_apps_are_listed(node: Provider, alice: Resident) -> None:
    client = create_app(node, "Board", client_uri="https://board.example")
    assert "Board" in tiles(alice)
    changed = run_for_json(node, "clients", "set", "--listed", "no", "--json", "--", client.client_id)
    assert changed["is_listed"] is False
    assert "Board" not in tiles(alice)
    run(node, "clients", "set", "--owner", "alice", "--listed", "default", "--", client.client_id)
    assert "Board" not in tiles(alice)
    run(node, "clients", "set", "--listed", "yes", "--", client.client_id)
    assert tiles(alice)["Board"] == "https://board.example"
    run(node, "clients", "disable", client.client_id)
    assert "Board" not in tiles(alice)


def test_client_that_registered_itself_is_never_listed(node: Provider, alice: Resident) -> None:
    create_app(
        node, "Postcards", policy={"is_self_registered": True, "is_listed": True}, client_uri="https://cards.example"
    )
    assert "Postcards" not in tiles(alice)


def test_owner_takes_an_app_off_the_list_and_cannot_put_it_there(node: Provider, alice: Resident) -> None:
    client = create_app(node, "Diary", client_uri="https://diary.example", policy={"is_listed": True})
    run(node, "clients", "set", "--owner", "alice", "--", client.client_id)
    page = f"/clients/{client.row}/edit"
    offered = set(re.findall(r'name="listed" value="(\w+)"', alice.get(page).text))
    assert {"yes", "no"} <= offered
    run(node, "clients", "set", "--listed", "no", "--", client.client_id)
    assert 'name="listed" value="yes"' not in alice.get(page).text


def test_connected_apps_and_devices_are_listed(node: Provider, alice: Resident) -> None:
    client = add_client(node)
    draw_code(alice, client, Pkce())
    page = alice.get("/").text
    assert "Connected just now" in page.replace("\n", "") or ">just now</time>" in page
    assert 'href="/account/sessions"' in page
    assert "Firefox on" in page


def test_embedded_home_has_no_devices(tmp_path: Path, sqlite_uri: str) -> None:
    with open_hosts(sqlite_uri, tmp_path) as create_host:
        host = create_host()
        visitor = Visitor(host.app.test_client())
        visitor.log_in("m1")
        page = visitor.get("/sso/")
        assert page.status == 200
        assert "/account/sessions" not in page.text
