"""What ends a person's or a client's access ends all of it, at the next use, on every node, for good (R8)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from authlib.oauth2.rfc6749 import InvalidGrantError
from flask import Flask
from sqlalchemy import text
from werkzeug.test import EnvironBuilder

from tests.support.at_once import at_once
from tests.support.commands import run, stop_client
from tests.support.connection_uses import after_each_use
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.residents import (
    ISSUER,
    PASSWORD,
    Resident,
    add_client,
    add_user,
    draw_code,
    hash_of,
    open_nodes,
    redeem,
    rows,
)
from tests.support.token_requests import TOKEN, MachineClient, Provider
from website.database import StaleLoginError
from website.oauth2.requests import OAuth2Request, Payload
from website.oauth2.token_grant import Authorized
from website.oauth2.token_request import authenticate_client, find_grant

NEW_PASSWORD = "a new staple for the battery"
KNOWN_EVERYWHERE_SECONDS = 1.1
TOKENS = {"access token", "JWT access token", "refresh token", "refresh token beside a JWT"}
GRANTED = {*TOKENS, "code"}
SESSIONS = {"this session", "another session"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        yield opened


@pytest.fixture
def first(nodes: list[Provider]) -> Iterator[Provider]:
    """The node at which things are ended; each test finds no accounts but its own."""
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def second(nodes: list[Provider]) -> Provider:
    """The node at which nothing happens: it is only asked."""
    return nodes[1]


@dataclass
class Access:
    """All that a person and their applications hold: two browsers, a code, tokens of either form."""

    user_id: int
    client: MachineClient
    jwt_client: MachineClient
    browser: Resident
    other_browser: Resident
    code: str
    pkce: Pkce
    tokens: dict[str, str]

    @classmethod
    def gain(cls, node: Provider) -> Access:
        user_id = add_user(node)
        client, jwt_client = add_client(node), add_client(node, access_token_format="jwt")
        browser, other_browser = (Resident(node.application, f"203.0.113.{last}") for last in (7, 8))
        assert [browser.log_in().status, other_browser.log_in().status] == [303, 303]
        tokens = {}
        for owner, suffix in ((client, ""), (jwt_client, " beside a JWT")):
            pkce = Pkce()
            given = redeem(node, owner, draw_code(browser, owner, pkce), pkce).json
            tokens["JWT access token" if suffix else "access token"] = given["access_token"]
            tokens[f"refresh token{suffix}"] = given["refresh_token"]
        assert tokens["JWT access token"].startswith("eyJ")
        pkce = Pkce()
        code = draw_code(other_browser, client, pkce)
        return cls(user_id, client, jwt_client, browser, other_browser, code, pkce, tokens)

    def look(self, node: Provider) -> set[str]:
        """Return what works at a node, of what can be tried without using it up."""
        works = set()
        for name, token in self.tokens.items():
            owner = self.jwt_client if "JWT" in name else self.client
            if node.is_active(owner, token):
                works.add(name)
            if "access" in name:
                is_open = node.get("/api/me", Authorization=f"Bearer {token}").status == 200
                assert is_open == (name in works), f"the API and introspection differ about the {name}"
        for name, browser in (("this session", self.browser), ("another session", self.other_browser)):
            if browser.at(node.application).is_logged_in():
                works.add(name)
        return works

    def use_up(self, node: Provider) -> set[str]:
        """Return what can still be turned into tokens at a node: refresh tokens and the code."""
        works = set()
        for name, token in self.tokens.items():
            owner = self.jwt_client if "JWT" in name else self.client
            if "refresh" in name and node.refresh(owner, token).status == 200:
                works.add(name)
        if redeem(node, self.client, self.code, self.pkce).status == 200:
            works.add("code")
        return works


def disable(node: Provider, access: Access) -> None:
    run(node, "users", "disable", "alice")


def delete(node: Provider, access: Access) -> None:
    run(node, "users", "delete", "alice", "--yes")


def delete_on_the_page(node: Provider, access: Access) -> None:
    assert access.browser.submit("/account/delete", password=PASSWORD).status == 303


def set_password(node: Provider, access: Access) -> None:
    run(node, "users", "passwd", "alice", "--password", NEW_PASSWORD)


def sign_out_everywhere(node: Provider, access: Access) -> None:
    assert access.browser.submit("/account/sessions/sign_out_everywhere").status == 303


ENDINGS = [disable, delete, delete_on_the_page, set_password, sign_out_everywhere]


def change_password(browser: Resident) -> None:
    new = {"new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}
    answer = browser.submit("/account/password", password=PASSWORD, **new)
    assert (answer.status, answer.location) == (303, "/account")


def test_until_it_is_ended_all_of_it_works_on_both_nodes(first: Provider, second: Provider) -> None:
    access = Access.gain(first)
    assert access.look(first) == access.look(second) == TOKENS | SESSIONS
    assert access.use_up(second) == {"refresh token", "refresh token beside a JWT", "code"}


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
def test_what_ends_an_account_ends_all_of_it_at_the_next_use_on_every_node(
    first: Provider, second: Provider, end: Callable[[Provider, Access], None]
) -> None:
    access = Access.gain(first)
    assert access.look(second) == TOKENS | SESSIONS  # from here on, the second node has seen it all alive
    end(first, access)
    assert (access.look(second), access.use_up(second)) == (set(), set())
    assert (access.look(first), access.use_up(first)) == (set(), set())


def test_a_password_changed_on_the_page_ends_all_but_the_browser_that_changed_it(
    first: Provider, second: Provider
) -> None:
    access = Access.gain(first)
    former = access.browser.at(second.application)
    assert access.look(second) == TOKENS | SESSIONS
    change_password(access.browser)
    assert access.look(second) == {"this session"}
    assert access.use_up(second) == set()
    assert not former.is_logged_in()  # by a new session: a copy of the cookie of before is worth nothing
    assert [Resident(second.application).log_in(password=typed).status for typed in (PASSWORD, NEW_PASSWORD)] == [
        422, 303,
    ]  # fmt: skip


def test_enabling_brings_nothing_back_but_the_right_to_log_in(first: Provider, second: Provider) -> None:
    access = Access.gain(first)
    disable(first, access)
    for node in (first, second):
        assert Resident(node.application).log_in().status == 422
        password_grant = node.ask_token(access.client, "password", username="alice", password=PASSWORD)
        assert (password_grant.status, password_grant.error) == (400, "invalid_grant")
    run(first, "users", "enable", "alice")
    assert (access.look(second), access.use_up(second)) == (set(), set())
    assert Resident(second.application).log_in().status == 303


def test_the_answers_to_a_disabled_account_are_those_to_a_wrong_password(first: Provider) -> None:
    access = Access.gain(first)
    wrong = Resident(first.application).log_in(password="wrong " + PASSWORD)
    disable(first, access)
    right = Resident(first.application).log_in()
    problem = "Wrong username or password."
    assert wrong.status == right.status == 422
    assert problem in wrong.text
    assert problem in right.text


@pytest.mark.parametrize("end", [disable, set_password, sign_out_everywhere], ids=lambda end: end.__name__)
def test_consents_outlive_what_ends_tokens(
    first: Provider, second: Provider, end: Callable[[Provider, Access], None]
) -> None:
    access = Access.gain(first)
    end(first, access)
    run(first, "users", "enable", "alice")
    again = Resident(second.application)
    password = NEW_PASSWORD if end is set_password else PASSWORD
    assert again.log_in(password=password).status == 303
    assert code_of(again.ask(access.client.client_id, scope="profile", **Pkce().parameters))  # nobody was asked


def test_consents_go_with_the_account(first: Provider, second: Provider) -> None:
    access = Access.gain(first)
    delete(first, access)
    add_user(first)
    namesake = Resident(second.application)
    assert namesake.log_in().status == 303
    assert namesake.ask(access.client.client_id, scope="profile", **Pkce().parameters).status == 200  # the question
    assert rows(first, "SELECT count(*) FROM oauth2_consent") == [(0,)]


def test_what_is_ended_is_one_accounts_and_no_other(first: Provider, second: Provider) -> None:
    access = Access.gain(first)
    add_user(first, "bob")
    for act in ("disable", "delete --yes", f"passwd --password={NEW_PASSWORD}"):
        run(first, "users", *act.split(" ", 1)[:1], "bob", *act.split(" ", 1)[1:])
        if act.startswith("delete"):
            add_user(first, "bob")
    assert access.look(second) == TOKENS | SESSIONS


# --- clients


def test_what_a_disabled_client_holds_is_dead_at_once_and_it_gets_nothing_more(
    first: Provider, second: Provider
) -> None:
    access = Access.gain(first)
    own = [second.get_token(client)["access_token"] for client in (access.client, access.jwt_client)]
    witness = second.create_client()
    assert access.look(second) == TOKENS | SESSIONS
    for client in (access.client, access.jwt_client):
        stop_client(first, "disable", client)

    for name, token in access.tokens.items():
        if "access" in name:
            for node in (first, second):
                assert node.get("/api/me", Authorization=f"Bearer {token}").status == 401, name
    assert [first.ask_token(client).status for client in (access.client, access.jwt_client)] == [401, 401]
    time.sleep(KNOWN_EVERYWHERE_SECONDS)
    for token in own:
        assert second.get("/api/me", Authorization=f"Bearer {token}").status == 401
    answers = [
        second.ask_token(access.client),
        second.refresh(access.client, access.tokens["refresh token"]),
        redeem(second, access.client, access.code, access.pkce),
        second.ask_token(access.client, "password", username="alice", password=PASSWORD),
    ]
    assert {(answer.status, answer.error) for answer in answers} == {(401, "invalid_client")}
    assert access.browser.ask(access.client.client_id, scope="profile", **Pkce().parameters).status == 400
    assert second.ask_token(witness).status == 200
    assert access.browser.at(second.application).is_logged_in()


def test_a_client_that_is_enabled_again_gets_new_tokens_and_none_of_its_old_ones_back(
    first: Provider, second: Provider
) -> None:
    access = Access.gain(first)
    own = [second.get_token(client)["access_token"] for client in (access.client, access.jwt_client)]
    for command in ("disable", "enable"):
        for client in (access.client, access.jwt_client):
            stop_client(first, command, client)
        time.sleep(KNOWN_EVERYWHERE_SECONDS)
    assert access.look(second) == SESSIONS
    assert not any(
        second.is_active(client, token) for client, token in zip((access.client, access.jwt_client), own, strict=True)
    )
    assert second.get_token(access.client)
    assert access.use_up(second) == set()
    pkce = Pkce()
    renewed = redeem(second, access.client, draw_code(access.browser.at(second.application), access.client, pkce), pkce)
    assert second.is_active(access.client, renewed.json["access_token"])


def test_a_deleted_client_leaves_nothing(first: Provider, second: Provider) -> None:
    access = Access.gain(first)
    assert access.look(second) == TOKENS | SESSIONS
    stop_client(first, "delete", access.client, "--yes")
    assert second.get("/api/me", Authorization=f"Bearer {access.tokens['access token']}").status == 401
    assert redeem(first, access.client, access.code, access.pkce).status == 401
    time.sleep(KNOWN_EVERYWHERE_SECONDS)
    assert redeem(second, access.client, access.code, access.pkce).status == 401
    assert second.is_active(access.jwt_client, access.tokens["JWT access token"])
    for table in ("consent", "grant", "authorization_code"):
        assert rows(first, f"SELECT * FROM oauth2_{table} WHERE client = :row", row=access.client.row) == []


# --- a password that was checked before, and is used after


def act_between(node: Provider, act: str, user_id: int) -> None:
    users = node.server.users
    if act == "password changed":
        users.set_password(user_id, NEW_PASSWORD)
    elif act == "deleted":
        users.delete(user_id)
    else:
        users.disable(user_id)
        users.enable(user_id)


ACTS = ["password changed", "disabled and enabled", "deleted"]
HISTORIES = ["returning", "first login ever", "no subject yet"]


def prepare(node: Provider, history: str) -> None:
    if history == "returning":
        assert Resident(node.application).log_in().status == 303
    elif history == "no subject yet":  # as accounts of the first release that never logged in
        with node.server.database.engine.begin() as connection:
            connection.execute(text("DELETE FROM oauth2_subject"))


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("history", HISTORIES)
def test_a_login_whose_password_was_checked_too_early_is_none(
    first: Provider, second: Provider, act: str, history: str
) -> None:
    user_id = add_user(first)
    prepare(first, history)
    account = second.server.users.authenticate("alice", PASSWORD)
    assert account is not None

    act_between(first, act, user_id)

    with pytest.raises(StaleLoginError):
        second.server.sessions.begin(account, "203.0.113.9", None)
    assert rows(first, "SELECT * FROM oauth2_session") == []


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("history", HISTORIES)
def test_a_password_grant_whose_password_was_checked_too_early_gives_nothing(
    first: Provider, second: Provider, act: str, history: str
) -> None:
    user_id, client = add_user(first), add_client(first)
    prepare(first, history)
    fields = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    grant, request = begin_grant(second, client, fields)
    credential = grant.read(request)

    act_between(first, act, user_id)

    assert isinstance(grant.take(request, credential), InvalidGrantError)
    assert rows(first, "SELECT * FROM oauth2_grant") == []


def test_a_password_grant_under_no_such_race_gives_tokens(first: Provider, second: Provider) -> None:
    add_user(first)
    client = add_client(first)
    grant, request = begin_grant(second, client, {"grant_type": "password", "username": "alice", "password": PASSWORD})
    assert isinstance(grant.take(request, grant.read(request)), Authorized)
    assert len(rows(first, "SELECT * FROM oauth2_grant")) == 1


def begin_grant(node: Provider, client: MachineClient, fields: dict[str, str]):
    """Return the grant of a token request whose client is authenticated, and the request."""
    environ = EnvironBuilder(TOKEN, ISSUER, method="POST", headers={"Authorization": client.basic}).get_environ()
    request = OAuth2Request(environ, ISSUER, Payload([*fields.items()]), TOKEN)
    grant = find_grant(node.server, request)
    authenticate_client(node.server, request, grant)
    return grant, request


def test_a_password_changed_while_many_log_in_with_the_old_one_leaves_none_of_them_in(
    first: Provider, second: Provider
) -> None:
    user_id, client = add_user(first), add_client(first)
    assert Resident(first.application).log_in().status == 303
    browsers = [Resident((first, second)[number % 2].application, f"203.0.113.{number}") for number in range(6)]

    def act(number: int) -> int:
        if number == 0:
            first.server.users.set_password(user_id, NEW_PASSWORD)
            return 0
        if number % 2:
            return browsers[number].log_in().status
        return second.ask_token(client, "password", username="alice", password=PASSWORD).status

    assert set(at_once(6, act)[1:]) <= {200, 303, 400, 422}
    assert not any(browser.is_logged_in() for browser in browsers)
    assert rows(first, "SELECT * FROM oauth2_session") == []
    assert rows(first, "SELECT * FROM oauth2_grant WHERE revoked_at IS NULL") == []


def at_every_step(node: Provider, act: Callable[[], object], meanwhile: Callable[[], object]) -> Iterator[int]:
    """Do something on a node again and again: something else happens after its first step, its second, and so on.

    A step is whatever it does with one connection to the database. Yields the step when both are done.
    """
    for step in count(1):
        taken = 0

        def watch(step: int = step) -> None:
            nonlocal taken
            taken += 1
            if taken == step:
                meanwhile()

        with after_each_use(node, watch):
            act()
        if taken < step:
            assert step > 3, "that was hardly the whole of it"
            return
        yield step


OWNERS_PASSWORD = "what the owner made of it"


def set_back(node: Provider, user_id: int) -> None:
    change = text("UPDATE oauth2_user SET password_hash = :hash WHERE id = :id")
    with node.server.database.engine.begin() as connection:
        connection.execute(change, {"hash": hash_of(PASSWORD), "id": user_id})


def test_a_password_changed_at_any_step_of_a_login_leaves_nobody_in(first: Provider, second: Provider) -> None:
    user_id = add_user(first)

    def log_in() -> None:
        Resident(second.application).log_in()

    def change() -> None:
        first.server.users.set_password(user_id, OWNERS_PASSWORD)

    for step in at_every_step(second, log_in, change):
        assert rows(first, "SELECT * FROM oauth2_session") == [], f"after step {step}"
        set_back(first, user_id)


def test_a_password_changed_at_any_step_of_a_password_grant_leaves_nothing(first: Provider, second: Provider) -> None:
    user_id, client = add_user(first), add_client(first)
    for step in at_every_step(
        second,
        lambda: second.ask_token(client, "password", username="alice", password=PASSWORD),
        lambda: first.server.users.set_password(user_id, OWNERS_PASSWORD),
    ):
        live = "SELECT grant_type FROM oauth2_grant WHERE revoked_at IS NULL"
        assert rows(first, live) == [], f"after step {step}"
        set_back(first, user_id)


def test_of_two_who_change_one_password_whoever_knew_the_former_one_only_does_not_win(
    first: Provider, second: Provider
) -> None:
    """A thief is logged in and knows the password; the owner changes it while the thief is about to."""
    user_id = add_user(first)
    thief = Resident(second.application)
    form: dict[str, str] = {}

    def break_in() -> None:
        assert thief.log_in().status == 303
        new = {"new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}
        form.update({**thief.get("/account/password").hidden_fields(), "password": PASSWORD, **new})

    def steal() -> None:
        thief.post("/account/password", form)

    def take_back() -> None:
        first.server.users.set_password(user_id, OWNERS_PASSWORD)

    break_in()
    for step in at_every_step(second, steal, take_back):
        assert first.server.users.authenticate("alice", NEW_PASSWORD) is None, f"after step {step}"
        assert not thief.is_logged_in(), f"after step {step}"
        set_back(first, user_id)
        break_in()


def test_an_implicit_token_asked_for_before_signing_out_everywhere_is_none(first: Provider, second: Provider) -> None:
    """The consent page is open while the login ends: what is pressed there gives nothing."""
    add_user(first)
    client = first.create_client(
        "implicit", redirect_uris=[REDIRECT_URI], response_types=["token"], token_endpoint_auth_method="none"
    )
    browser, other = Resident(first.application), Resident(second.application)
    assert [browser.log_in().status, other.log_in().status] == [303, 303]
    page = browser.ask(client.client_id, response_type="token", scope="profile")
    assert page.status == 200
    assert other.submit("/account/sessions/sign_out_everywhere").status == 303
    answer = browser.decide(page)
    assert "access_token" not in answer.location
    assert rows(first, "SELECT * FROM oauth2_grant") == []


# --- the demo


def test_in_the_demo_too_a_disabled_account_is_out_and_a_deleted_one_begins_anew(application: Flask) -> None:
    node = Provider(application)
    person = Person(application.test_client())
    assert person.log_in().status == 303
    run(node, "users", "disable", "alice")
    assert person.get("/account").status == 303
    assert person.log_in().status == 422
    run(node, "users", "enable", "alice")
    assert person.get("/account").status == 303
    assert person.log_in().status == 303
    subject = node.server.accounts.subjects.find("1")
    page = person.get("/account/delete")
    assert person.post("/account/delete", {**page.hidden_fields(), "username": "Alice"}).status == 422
    assert person.post("/account/delete", {**page.hidden_fields(), "username": "alice"}).status == 303
    assert person.log_in().status == 303
    assert node.server.accounts.subjects.find("1") is None
    assert node.server.accounts.subjects.find("2") not in (None, subject)
