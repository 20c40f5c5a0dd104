"""New passwords are weighed wherever they are set: by page, link, command and import; and a change can be required."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.authenticator import LOGIN_PAGE, enter, set_up
from tests.support.commands import latest_event, run, run_for_json
from tests.support.person import Answer
from tests.support.residents import PASSWORD, Resident, add_client, add_user, open_nodes, rows
from tests.support.token_requests import Provider
from tests.support.waiting import ANSWER_SECONDS
from website.users import account_changes, password_links
from website.users.password_hashing import hash_password

NEW_PASSWORD = "a new staple for the battery"
PAGE = "/login/new_password"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with an account, alice."""
    add_user(nodes[0])
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_login_throttle", "oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


def change_password(browser: Resident, new: str) -> Answer:
    typed = {"password": PASSWORD, "new_password": new, "new_password_again": new}
    return browser.submit("/account/password", **typed)


def set_required(browser: Resident, new: str, again: str | None = None, page: str = PAGE) -> Answer:
    typed = {"new_password": new, "new_password_again": new if again is None else again}
    return browser.submit(page, **typed)


# --- how easily one is guessed


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("password1", "too close to one that many people use"),
        ("P@ssw0rd", "too close to one that many people use"),
        ("qwertyuiop[", "that many people use"),
        ("fghjkl;'", "Neighboring keys"),
        ("abcabcabcabc", "Repetition"),
        ("abcdefghijk", "Sequences"),
        ("19.02.1987", "Dates and years"),
        ("williamson", "A name is easy to guess"),
        ("tremendously", "A common word"),
        ("adalovelace1", "your name"),
        ("alice-2026", "your name"),
        ("ada@example.org", "your email address"),
        ("grantwright", "this server's name"),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused_in_words(node: Provider, password: str, why: str) -> None:
    run(node, "users", "set", "alice", "--name", "Ada Lovelace", "--email", "ada@example.org")
    browser = Resident(node.application)
    browser.log_in()
    refused = change_password(browser, password)
    assert refused.status == 422
    assert why in unescape(refused.text)
    assert "password manager" in refused.text
    assert Resident(node.application).log_in().status == 303  # the former one stays


@pytest.mark.parametrize("password", ["correct horse battery", "tKq9-vmPa-xw3R", "four words in a line"])
def test_words_and_what_a_password_manager_makes_pass(node: Provider, password: str) -> None:
    browser = Resident(node.application)
    browser.log_in()
    assert change_password(browser, password).status == 303


def test_every_way_to_set_one_weighs_it(node: Provider, tmp_path: Path) -> None:
    weak = "password1"
    made = run(node, "users", "create", "bob", "--password", weak, exit_code=1).output
    assert "many people use" in made
    changed = run(node, "users", "passwd", "alice", "--password", weak, exit_code=1).output
    assert "many people use" in changed
    file = tmp_path / "people.csv"
    file.write_text(f"username,name,password\ncarol,Carol Danvers,{weak}\ndan,Dan Smith,dan smith 1\n")
    imported = run(node, "users", "import", str(file), exit_code=1).output
    assert "line 2: This password is too close" in imported
    assert "line 3: This password contains your name" in imported
    link = run_for_json(node, "users", "reset-link", "alice", "--json")["link"].partition("id.example")[2]
    browser = Resident(node.application)
    refused = browser.submit("/set_password", link, new_password=weak, new_password_again=weak)
    assert refused.status == 422
    assert "many people use" in refused.text


def test_the_first_72_characters_are_weighed(node: Provider) -> None:
    browser = Resident(node.application)
    browser.log_in()
    assert change_password(browser, "ab" * 36 + "correct horse battery staple").status == 422
    assert change_password(browser, "correct horse battery staple " + "ab" * 400).status == 303


@pytest.mark.parametrize(("score", "status"), [(0, 303), (4, 422)])
def test_the_setting_says_how_hard(request: pytest.FixtureRequest, tmp_path: Path, score: int, status: int) -> None:
    with open_nodes(request, tmp_path, "sqlite", 1, OAUTH2_PASSWORD_SCORE=score) as (node,):
        add_user(node)
        browser = Resident(node.application)
        browser.log_in()
        assert change_password(browser, "correct horse").status == status


def test_nothing_but_a_new_password_loads_the_words() -> None:
    code = "import sys, website.app; sys.exit(any(name.startswith('zxcvbn') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=ANSWER_SECONDS)


# --- a required change


def test_a_required_change_comes_between_password_and_login(node: Provider) -> None:
    other = Resident(node.application)
    other.log_in()
    run(node, "users", "require-password-change", "alice")
    assert other.is_logged_in()  # until the next login
    browser = Resident(node.application)
    answer = browser.log_in(next_page="/account")
    assert answer.location == f"{PAGE}?next=/account"
    assert not browser.is_logged_in()
    assert set_required(browser, PASSWORD, page=answer.location).status == 422  # the same again
    assert set_required(browser, "password1", page=answer.location).status == 422
    assert set_required(browser, NEW_PASSWORD, "another one", page=answer.location).status == 422
    assert set_required(browser, NEW_PASSWORD, page=answer.location).location == "/account"
    assert browser.is_logged_in()
    assert not other.is_logged_in()
    assert Resident(node.application).log_in(password=NEW_PASSWORD).location == "/"  # once is enough


def test_the_page_is_nobodys_without_the_password(node: Provider) -> None:
    run(node, "users", "require-password-change", "alice")
    stranger = Resident(node.application)
    assert stranger.get(PAGE).status == 303
    run(node, "users", "require-password-change", "alice", "--off")
    stranger.log_in()
    assert stranger.get(PAGE).location == "/"


def test_a_second_factor_comes_before_the_new_password(node: Provider) -> None:
    owner = Resident(node.application)
    owner.log_in()
    app, _answer = set_up(owner)
    run(node, "users", "require-password-change", "alice")
    browser = Resident(node.application)
    assert browser.log_in().location.startswith(LOGIN_PAGE)
    stolen = browser.get(PAGE)
    assert stolen.status == 303
    assert not browser.is_logged_in()
    fields = {**browser.get(LOGIN_PAGE).hidden_fields(), "new_password": NEW_PASSWORD}
    assert browser.post(PAGE, {**fields, "new_password_again": NEW_PASSWORD}).status == 303
    assert Resident(node.application).log_in().status == 303  # the password is the same
    browser = Resident(node.application)
    browser.log_in()
    entered = enter(browser, LOGIN_PAGE, recovery_code=app.recovery_codes[0])
    assert entered.location == PAGE
    assert set_required(browser, NEW_PASSWORD).location == "/"
    assert browser.is_logged_in()


def test_no_token_for_a_password_that_has_to_be_changed(node: Provider) -> None:
    client = add_client(node)
    run(node, "users", "require-password-change", "alice")
    answer = node.ask_token(client, "password", username="alice", password=PASSWORD)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_a_link_is_a_change_too(node: Provider) -> None:
    run(node, "users", "require-password-change", "alice")
    assert latest_event(node, "password_change_required").detail["required"] is True
    link = run_for_json(node, "users", "reset-link", "alice", "--json")["link"].partition("id.example")[2]
    Resident(node.application).submit("/set_password", link, new_password=NEW_PASSWORD, new_password_again=NEW_PASSWORD)
    assert Resident(node.application).log_in(password=NEW_PASSWORD).location == "/"


def test_the_same_password_is_no_change_wherever_one_is_set(node: Provider) -> None:
    browser = Resident(node.application)
    browser.log_in()
    run(node, "users", "require-password-change", "alice")
    link = run_for_json(node, "users", "reset-link", "alice", "--json")["link"].partition("id.example")[2]
    same = {"new_password": PASSWORD, "new_password_again": PASSWORD}
    refusals = [change_password(browser, PASSWORD), Resident(node.application).submit("/set_password", link, **same)]
    assert [answer.status for answer in refusals] == [422, 422]
    assert all("password that you have now" in answer.text for answer in refusals)
    assert Resident(node.application).log_in().location == PAGE
    assert set_required(Resident(node.application), NEW_PASSWORD).status == 303  # nobody's page
    assert change_password(browser, NEW_PASSWORD).status == 303
    assert Resident(node.application).log_in(password=NEW_PASSWORD).location == "/"


def test_the_same_password_is_accepted_where_no_change_is_required_and_ends_no_later_requirement(
    node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A requirement may come between reading the row and writing it."""
    browser = Resident(node.application)
    browser.log_in()
    assert change_password(browser, PASSWORD).status == 303
    users = node.server.users
    user_id = users.find_row("alice").id

    def hash_slowly(password: str) -> str:
        users.require_password_change(user_id, True)
        return hash_password(password)

    for module in (account_changes, password_links):
        monkeypatch.setattr(module, "hash_password", hash_slowly)
    assert change_password(browser, PASSWORD).status == 303
    assert Resident(node.application).log_in().location == PAGE
    users.require_password_change(user_id, False)
    assert node.server.accounts.password_links.use(node.server.accounts.password_links.create(user_id), PASSWORD)
    assert Resident(node.application).log_in().location == PAGE


def test_imported_accounts_can_be_made_to_change_theirs(node: Provider, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(f"username,password\nbob,{NEW_PASSWORD}\ncarol,\n")
    run(node, "users", "import", str(file), "--require-password-change")
    query = "SELECT username FROM oauth2_user WHERE password_change_required ORDER BY username"
    assert rows(node, query) == [("bob",)]
    assert Resident(node.application).log_in("bob", password=NEW_PASSWORD).location == PAGE


def test_an_account_without_a_password_has_none_to_change(node: Provider) -> None:
    node.server.users.create("bob")
    assert "has no password" in run(node, "users", "require-password-change", "bob", exit_code=1).output
