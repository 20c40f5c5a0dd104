"""Claims that applications trust: people can't choose them, and the demo's accounts have a name and an address."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.commands import run, run_for_json
from tests.support.person import Person
from tests.support.residents import EVERY_CLAIM, PASSWORD, Resident, add_user, open_nodes
from tests.support.token_requests import MachineClient, Provider
from website.configuration import read_settings
from website.settings import SettingsError
from website.standard_claims import EDITABLE_CLAIMS
from website.users.usernames import UsernameError

USERINFO = "/oauth/userinfo"
EVERY_SCOPE = "openid profile email phone address"
NEVER = ("preferred_username", "email_verified", "phone_number_verified", "updated_at", "groups", "sub", "username")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node in production with alice and bob."""
    for name in ("alice", "bob"):
        add_user(nodes[0], name)
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


def client_of(provider: Provider) -> MachineClient:
    return provider.create_client("password", scope=EVERY_SCOPE)


def told(provider: Provider, username: str, password: str = "valid") -> dict[str, Any]:  # noqa: S107 - the demo's
    """What UserInfo says to a client that may hear everything."""
    given = provider.get_token(client_of(provider), "password", username=username, password=password, scope=EVERY_SCOPE)
    return provider.get(USERINFO, Authorization=f"Bearer {given['access_token']}").json


# In production


@pytest.mark.parametrize("name", ["preferred_username", "email_verified", "phone_number_verified", "updated_at"])
def test_nobody_chooses_a_trusted_claim_on_the_account_page(node: Provider, name: str) -> None:
    browser = Resident(node.application)
    browser.log_in()
    before = told(node, "alice", PASSWORD)
    browser.submit("/account", email="alice@example.org", phone_number="+44 20 7946 0000")
    assert browser.submit("/account", **{name: "bob" if name == "preferred_username" else "1"}).status == 303
    after = told(node, "alice", PASSWORD)
    assert after["preferred_username"] == before["preferred_username"] == "alice"
    assert (after["email_verified"], after["phone_number_verified"]) == (False, False)
    assert f'name="{name}"' not in browser.get("/account").text


def test_what_people_once_chose_as_preferred_user_name_is_told_to_nobody(node: Provider) -> None:
    """The version before let them, and may run beside this one during an update."""
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET preferred_username = 'bob' WHERE username = 'alice'"))
    assert told(node, "alice", PASSWORD)["preferred_username"] == "alice"
    run(node, "users", "set", "alice", "--preferred-username", "rob")  # an operator may mean just that
    assert told(node, "alice", PASSWORD)["preferred_username"] == "rob"
    run(node, "users", "set", "alice", "--preferred-username", "")
    assert told(node, "alice", PASSWORD)["preferred_username"] == "alice"


def test_a_name_that_is_told_as_one_persons_is_assigned_to_nobody_else(node: Provider) -> None:
    run(node, "users", "set", "bob", "--preferred-username", "J. Doe")
    for taken in ("bob", "BOB", "j. doe", "\uff2a. Doe"):
        output = run(node, "users", "set", "alice", "--preferred-username", taken, exit_code=1).output
        assert (
            output == "Error: --preferred-username: Another account has this as its username or preferred username.\n"
        )
    with pytest.raises(UsernameError):
        node.server.users.create("J. Doe")
    assert told(node, "alice", PASSWORD)["preferred_username"] == "alice"
    run(node, "users", "set", "alice", "--preferred-username", "Alice")  # her own
    run(node, "users", "set", "bob", "--preferred-username", "R. Doe", "--email", "bob@people.example")
    run(node, "users", "set", "alice", "--preferred-username", "J. Doe")  # left by bob
    assert run_for_json(node, "users", "export", "alice")["user"]["logs_in_by"] == ["alice"]
    assert told(node, "bob", PASSWORD)["preferred_username"] == "R. Doe"


def test_a_name_assigned_twice_by_an_earlier_release_stays_and_gives_a_warning(node: Provider) -> None:
    change = "UPDATE oauth2_user SET preferred_username = 'Bob', preferred_username_assigned = true WHERE id = :id"
    with node.server.database.engine.begin() as connection:
        connection.execute(text(change), {"id": node.server.users.find_row("alice").id})
    run(node, "users", "set", "alice", "--email", "alice@people.example", "--email-verified")
    assert told(node, "alice", PASSWORD)["preferred_username"] == "Bob"
    assert "Applications may take alice for bob" in run(node, "check-config").output


def test_what_an_operator_set_is_shown_on_the_account_page_and_stays(node: Provider) -> None:
    run(node, "users", "set", "alice", "--preferred-username", "a.liddell")
    browser = Resident(node.application)
    browser.log_in()
    assert browser.get("/account").element("preferred_username") == "a.liddell"
    browser.submit("/account", **{**EVERY_CLAIM, "preferred_username": "bob"})
    assert told(node, "alice", PASSWORD)["preferred_username"] == "a.liddell"


# Which ones people may change


def test_by_default_people_change_all_but_the_preferred_user_name() -> None:
    editable = read_settings({"OAUTH2_DEMO": True, "AUTHLIB_INSECURE_TRANSPORT": True}, {}).editable_claims
    assert set(editable) == set(EVERY_CLAIM) - {"preferred_username"} == set(EDITABLE_CLAIMS)


@pytest.mark.parametrize("name", [*NEVER, "", "Name", "address"])
def test_a_trusted_claim_cannot_be_made_editable(name: str) -> None:
    config = {"AUTHLIB_INSECURE_TRANSPORT": True, "OAUTH2_EDITABLE_CLAIMS": ["name", name]}
    with pytest.raises(SettingsError, match="OAUTH2_EDITABLE_CLAIMS: people can't choose"):
        read_settings(config, {})


@pytest.mark.parametrize("editable", [["nickname"], ["nickname", "email"], []], ids=len)
def test_the_page_changes_what_the_setting_names_and_nothing_else(
    create_application: Callable[..., Flask], editable: list[str]
) -> None:
    provider = Provider(create_application(OAUTH2_EDITABLE_CLAIMS=editable))
    person = Person(provider.application.test_client())
    person.log_in("hedy")
    users = provider.server.users
    users.set_claims(int(users.find_by_name("hedy").id), {"name": "Hedy Lamarr"})
    page = person.get("/account")
    answer = person.post("/account", {**page.hidden_fields(), **EVERY_CLAIM, "email": "hedy@example.com"})
    assert answer.status == 303
    row = users.find_row("hedy")
    changed = {name for name in EVERY_CLAIM if name != "name" and getattr(row, name) is not None}
    assert changed == set(editable)
    assert row.name == "Hedy Lamarr"
    assert page.element("name") == "Hedy Lamarr"  # shown, to be read


# The demo


@pytest.mark.parametrize(
    ("username", "email"),
    [
        ("ann", "ann@example.org"),
        ("Bob", "bob@example.org"),
        ("j.r-r_tolkien", "j.r-r_tolkien@example.org"),
        ("zoe@school.example", "zoe@school.example"),
    ],
)
def test_in_the_demo_everybody_has_a_name_and_a_verified_address(application: Flask, username: str, email: str) -> None:
    claims = told_in_demo(application, username)
    assert (claims["name"], claims["email"], claims["email_verified"]) == (username, email, True)
    row = Provider(application).server.users.find_row(username)
    assert (row.name, row.email, row.email_verified) == (None, None, False)  # worked out, not stored


@pytest.mark.parametrize("username", ["Ann Lee", "Zoë", "ann@example.org", "李", "x" * 150, "ann+1", ".ann", "a@b@c"])
def test_every_address_of_the_demo_is_one_and_nobody_elses(application: Flask, username: str) -> None:
    others = {told_in_demo(application, name)["email"] for name in ("ann", "bea lee", "x", "user")}
    claims = told_in_demo(application, username)
    assert claims["email"].isascii()
    assert claims["email"].endswith("@example.org")
    assert len(claims["email"]) <= 254
    assert claims["email"] not in others


def test_an_address_that_somebody_chose_is_not_made_up_for_another(application: Flask) -> None:
    users = Provider(application).server.users
    for name in ("ann", "mallory"):
        users.find_or_create(name)
    users.set_claims(int(users.find_by_name("mallory").id), {"email": "Ann@Example.org"})
    ann, mallory = told_in_demo(application, "ann"), told_in_demo(application, "mallory")
    assert (mallory["email"], mallory["email_verified"]) == ("Ann@Example.org", False)
    assert ann["email"] == f"user+{users.find_by_name('ann').id}@example.org"
    users.set_claims(int(users.find_by_name("mallory").id), {"email": ann["email"]})
    assert told_in_demo(application, "ann")["email"] == "ann@example.org"


def test_what_a_person_of_the_demo_chose_is_told_instead(application: Flask) -> None:
    person = Person(application.test_client())
    person.log_in("hedy")
    page = person.get("/account")
    person.post("/account", {**page.hidden_fields(), "name": "Hedy Lamarr", "email": "hedy@example.com"})
    claims = told_in_demo(application, "hedy")
    assert (claims["name"], claims["email"], claims["email_verified"]) == ("Hedy Lamarr", "hedy@example.com", False)


def test_in_production_nothing_is_made_up(node: Provider) -> None:
    assert not {"name", "email", "email_verified"} & set(told(node, "alice", PASSWORD))


def told_in_demo(application: Flask, username: str) -> dict[str, Any]:
    provider = Provider(application)
    provider.server.users.find_or_create(username)
    return told(provider, username)


def test_an_export_has_what_is_stored_and_not_what_the_demo_makes_up(application: Flask) -> None:
    Provider(application).server.users.find_or_create("ann")
    exported = json.loads(application.test_cli_runner().invoke(args=["users", "export", "ann"]).stdout)
    assert (exported["user"]["name"], exported["user"]["email"]) == (None, None)


def test_a_client_in_production_hears_no_address_that_its_owner_set_as_verified(node: Provider) -> None:
    browser = Resident(node.application)
    browser.log_in()
    browser.submit("/account", email="bob@example.org")
    claims = told(node, "alice", PASSWORD)
    assert (claims["email"], claims["email_verified"]) == ("bob@example.org", False)
