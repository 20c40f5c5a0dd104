"""What an operator's login of a while ago can't do to clients, APIs and people, and an owner's to their own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from sqlalchemy import text

from tests.support.person import REDIRECT_URI
from tests.support.residents import PASSWORD, add_client, add_user, logged_in, open_nodes, rows
from tests.support.token_requests import Provider
from website import clock
from website.routes.login.login_before_act import FORM_SECONDS
from website.routes.login.recent_login import RECENT_SECONDS

API = "https://api.example"
#: Pages of an act, and forms; and what is sent without a page of its own, with the page where it began.
ACTS = ("/clients/{client}/rotate_secret", "/clients/{client}/delete", "/apis/{api}/delete")
FORMS = ("/clients/{client}/edit", "/create_client", "/apis/{api}/edit", "/apis/{api}/client")
BUTTONS = {"/people/{bob}/new_password": "/people/{bob}", "/self_registration": "/self_registration"}
REFUSED = "you logged in more than 10 minutes ago"


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    folder, settings = tmp_path_factory.mktemp("instance"), {"OAUTH2_REGISTRATION": "token"}
    with open_nodes(request, folder, "sqlite", 1, **settings) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    add_user(nodes[0], "root", is_operator=True)
    add_user(nodes[0], "bob")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_resource", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def names(node: Provider) -> dict[str, str]:
    """What the addresses name."""
    api = node.server.resources.create(API, name="Photos")
    return {"client": add_client(node).row, "api": api.id, "bob": str(node.server.users.find_row("bob").id)}


@pytest.fixture
def travel() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(clock.now(), tick=False) as coordinates:
        yield coordinates


def own_client(node: Provider, owner: str) -> str:
    subject = str(node.server.users.subject_of_name(owner))
    metadata = {"client_name": "Mine", "redirect_uris": [REDIRECT_URI], "grant_types": ["authorization_code"]}
    more = {"response_types": ["code"], "scope": "profile", "token_endpoint_auth_method": "client_secret_basic"}
    return str(node.server.clients.create({**metadata, **more}, subject)[0].id)


def changes(node: Provider) -> list[tuple[object, ...]]:
    return rows(node, "SELECT event FROM oauth2_event WHERE event NOT LIKE 'login%'")


@pytest.mark.parametrize("address", [*ACTS, *FORMS])
def test_an_old_login_neither_opens_nor_sends_a_form(
    node: Provider, names: dict[str, str], travel: time_machine.Coordinates, address: str
) -> None:
    root, page = logged_in(node, "root"), address.format(**names)
    travel.shift(RECENT_SECONDS)
    token, before = root.get("/account/password").hidden_fields(), changes(node)
    login = f"/?next={page}&again=1"
    assert (root.get(page).status, root.get(page).location) == (303, login)
    answer = root.post(page, token)
    assert (answer.status, answer.location) == (303, login)
    assert REFUSED in root.get(login).text
    assert changes(node) == before
    root.post(login, {**root.get(login).hidden_fields(), "username": "root", "password": PASSWORD})
    assert root.get(page).status == 200


@pytest.mark.parametrize("address", BUTTONS)
def test_an_old_login_presses_no_button(
    node: Provider, names: dict[str, str], travel: time_machine.Coordinates, address: str
) -> None:
    root, path, page = logged_in(node, "root"), address.format(**names), BUTTONS[address].format(**names)
    fields, before = root.get(page).hidden_fields(), changes(node)
    travel.shift(RECENT_SECONDS)
    assert root.get(page).status == 200
    answer = root.post(path, {**fields, "note": "", "uses": "1"})
    assert (answer.status, answer.location) == (303, f"/?next={page}&again=1")
    assert changes(node) == before


def test_a_form_that_was_opened_in_time_can_be_sent_for_an_hour(
    node: Provider, names: dict[str, str], travel: time_machine.Coordinates
) -> None:
    root, page = logged_in(node, "root"), f"/clients/{names['client']}/edit"
    travel.shift(RECENT_SECONDS - 1)
    fields = {**root.get(page).hidden_fields(), "client_name": "", "redirect_uri": REDIRECT_URI}
    travel.shift(FORM_SECONDS - 1)
    again = root.post(page, fields)
    assert (again.status, "error-summary" in again.text) == (422, True)  # which shows the form again
    travel.shift(1)
    assert root.post(page, fields).location == f"/?next={page}&again=1"


@pytest.mark.parametrize("act", ["rotate_secret", "delete"])
def test_owners_log_in_again_to_rotate_the_secret_of_their_client_or_delete_it(
    node: Provider, travel: time_machine.Coordinates, act: str
) -> None:
    page = f"/clients/{own_client(node, 'bob')}"
    bob = logged_in(node, "bob")
    fields = bob.get(f"{page}/{act}").hidden_fields()
    travel.shift(RECENT_SECONDS)
    assert bob.get(f"{page}/edit").status == 200
    for answer in (bob.get(f"{page}/{act}"), bob.post(f"{page}/{act}", fields)):
        assert (answer.status, answer.location) == (303, f"/?next={page}/{act}&again=1")
    assert bob.get(page).status == 200
