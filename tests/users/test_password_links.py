"""One-time links: made by a command, opened as often as one likes, used once, within an hour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.support.at_once import at_once
from tests.support.commands import latest_event, run, run_for_json
from tests.support.embedding_host import Host
from tests.support.person import Answer
from tests.support.residents import PASSWORD, Resident, add_client, add_user, open_nodes, rows
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.users.password_queue import password_queue

NEW_PASSWORD = "a new staple for the battery"
ADDRESS_TRIES = 6


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ADDRESS": ADDRESS_TRIES}
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **limits) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    add_user(nodes[0], "alice")
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event", "oauth2_login_throttle"):
            connection.execute(text(f"DELETE FROM {table}"))


def make_link(node: Provider, username: str = "alice") -> str:
    """Return path and query of a new link."""
    made = run_for_json(node, "users", "reset-link", username, "--json")
    parts = urlsplit(made["link"])
    assert f"{parts.scheme}://{parts.netloc}" == node.server.settings.issuer
    return f"{parts.path}?{parts.query}"


def set_password(browser: Resident, link: str, new: str = NEW_PASSWORD, again: str | None = None) -> Answer:
    page = browser.get(link)
    fields = {**page.hidden_fields(), "new_password": new, "new_password_again": new if again is None else again}
    return browser.post("/set_password", fields)


def log_in(node: Provider, password: str) -> int:
    return Resident(node.application).log_in(password=password).status


# What it does


def test_a_link_sets_the_password_and_says_to_go_back(node: Provider) -> None:
    browser = Resident(node.application)
    answer = set_password(browser, make_link(node))
    assert (answer.status, answer.location) == (303, "/set_password/done")
    assert "go back to it and log in with your new password" in browser.get("/set_password/done").text
    assert not browser.is_logged_in()
    assert [log_in(node, PASSWORD), log_in(node, NEW_PASSWORD)] == [422, 303]


def test_setting_a_password_ends_every_session_and_token(node: Provider) -> None:
    elsewhere = Resident(node.application)
    elsewhere.log_in()
    client = add_client(node)
    given = node.get_token(client, "password", username="alice", password=PASSWORD, scope="profile")
    assert elsewhere.is_logged_in()
    set_password(Resident(node.application), make_link(node))
    assert not elsewhere.is_logged_in()
    assert not node.is_active(client, given["access_token"])
    assert node.ask_token(client, "refresh_token", refresh_token=given["refresh_token"]).status == 400


def test_looking_uses_nothing_up_and_using_it_does(node: Provider) -> None:
    link = make_link(node)
    for _ in range(3):
        assert Resident(node.application).get(link).status == 200
    assert set_password(Resident(node.application), link).status == 303
    after = Resident(node.application).get(link)
    assert after.status == 410
    assert "Ask the operator for a new link" in after.text


@pytest.mark.parametrize(
    ("new", "again", "problem"),
    [
        ("short", None, "at least 8 characters"),
        ("alice", None, "at least 8 characters"),
        (NEW_PASSWORD, PASSWORD, "Enter both again"),
        ("aaaaaaaaaaaa", None, "too easy to guess"),
    ],
)
def test_a_password_that_cannot_be_leaves_the_link_as_it_is(
    node: Provider, new: str, again: str | None, problem: str
) -> None:
    browser, link = Resident(node.application), make_link(node)
    answer = set_password(browser, link, new, again)
    assert answer.status == 422
    assert problem in answer.text
    assert log_in(node, PASSWORD) == 303
    assert set_password(browser, link).status == 303


def test_of_many_who_use_a_link_at_once_one_succeeds(node: Provider) -> None:
    link = make_link(node)
    browsers = [Resident(node.application, f"198.51.100.{index}") for index in range(6)]
    pages = [browser.get(link).hidden_fields() for browser in browsers]

    def use(index: int) -> int:
        own = f"{NEW_PASSWORD} {index}"
        fields = {**pages[index], "new_password": own, "new_password_again": own}
        return browsers[index].post("/set_password", fields).status

    outcomes = at_once(6, use)
    assert outcomes.count(303) == 1, outcomes
    assert set(outcomes) <= {303, 410, 503}
    winner = outcomes.index(303)
    assert log_in(node, f"{NEW_PASSWORD} {winner}") == 303


# When it stops working


def test_a_link_works_for_an_hour(node: Provider) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        first = make_link(node)
        clock.shift(3599)
        assert Resident(node.application).get(first).status == 200
        clock.shift(1)
        browser = Resident(node.application)
        assert browser.get(first).status == 410
        clock.shift(120)
        run(node, "prune")
    assert rows(node, "SELECT count(*) FROM oauth2_password_link") == [(0,)]


def test_a_link_works_for_as_many_hours_as_the_operator_says(node: Provider) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        made = run_for_json(node, "users", "reset-link", "alice", "--valid-hours", "72", "--json")
        link = made["link"].removeprefix(node.server.settings.issuer)
        clock.shift(72 * 3600 - 1)
        assert Resident(node.application).get(link).status == 200
        clock.shift(1)
        assert Resident(node.application).get(link).status == 410
    for hours in ("0", "169", "-1"):
        assert (
            "--valid-hours" in run(node, "users", "reset-link", "alice", f"--valid-hours={hours}", exit_code=2).output
        )


@pytest.mark.parametrize(
    "command",
    [("passwd", "--password", NEW_PASSWORD), ("disable",), ("reset-link",), ("delete", "--yes")],
    ids=lambda command: command[0],
)
def test_a_link_ends_with_a_new_password_a_new_link_and_the_account(node: Provider, command: tuple[str, ...]) -> None:
    link = make_link(node)
    run(node, "users", command[0], "alice", *command[1:])
    assert Resident(node.application).get(link).status == 410
    assert rows(node, "SELECT count(*) FROM oauth2_password_link")[0][0] == (command[0] == "reset-link")


def test_a_disabled_account_gets_no_link(node: Provider) -> None:
    run(node, "users", "disable", "alice")
    assert "flask users enable" in run(node, "users", "reset-link", "alice", exit_code=1).output


# What a stranger gets


@pytest.mark.parametrize("token", ["", "x", "gwpl_" + "A" * 43, "\u00e9" * 30, "A" * 5000])
def test_a_token_that_was_never_given_opens_nothing(node: Provider, token: str) -> None:
    browser = Resident(node.application)
    assert browser.get(f"/set_password?token={token}").status == 410
    fields = {**browser.get("/").hidden_fields(), "token": token, "new_password": NEW_PASSWORD}
    assert browser.post("/set_password", {**fields, "new_password_again": NEW_PASSWORD}).status == 410


def test_guessing_is_slowed_down_like_wrong_passwords(node: Provider) -> None:
    with time_machine.travel(1_800_000_000, tick=False):
        link = make_link(node)
        browser = Resident(node.application, "198.51.100.77")
        fields = {**browser.get("/").hidden_fields(), "token": "x", "new_password": "", "new_password_again": ""}
        answers = [browser.post("/set_password", fields) for _ in range(ADDRESS_TRIES + 1)]
        assert [answer.status for answer in answers] == [410] * ADDRESS_TRIES + [429]
        assert answers[-1].headers["Retry-After"] == "1"
        assert set_password(browser, link).status == 429
        assert set_password(Resident(node.application), link).status == 303


def test_a_link_that_does_not_work_takes_no_place_in_the_queue_for_passwords(
    node: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}
    with time_machine.travel(1_800_000_000, tick=False):
        link, browser = make_link(node), Resident(node.application, "198.51.100.78")
        fields = {**browser.get("/").hidden_fields(), "token": "x", **new}
        monkeypatch.setattr(password_queue, "_free", 0)
        guesses = [browser.post("/set_password", fields).status for _ in range(ADDRESS_TRIES + 1)]
        assert guesses == [410] * ADDRESS_TRIES + [429]
        assert set_password(Resident(node.application), link).status == 503


def test_a_right_link_with_a_weak_password_is_no_guessing(node: Provider) -> None:
    link, browser = make_link(node), Resident(node.application)
    answers = [set_password(browser, link, "short").status for _ in range(3 * ADDRESS_TRIES)]
    assert answers == [422] * (3 * ADDRESS_TRIES)


def test_the_form_is_protected_against_other_sites(node: Provider) -> None:
    link = make_link(node)
    token = link.partition("token=")[2]
    stranger = Resident(node.application)
    fields = {"token": token, "new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}
    assert stranger.post("/set_password", fields, Origin="https://evil.example").status == 400
    assert log_in(node, PASSWORD) == 303


def test_a_form_from_before_a_login_in_another_tab_is_shown_again(node: Provider) -> None:
    link, browser = make_link(node), Resident(node.application)
    add_user(node, "grace")
    form = browser.get(link).hidden_fields()
    browser.log_in("grace")
    fields = {**form, "new_password": NEW_PASSWORD, "new_password_again": NEW_PASSWORD}

    stale = browser.post("/set_password", fields, Origin=node.server.settings.issuer)

    assert (stale.status, stale.location) == (303, link)
    assert "The form expired" in browser.get(link).text
    assert log_in(node, PASSWORD) == 303
    again = browser.post("/set_password", {**fields, **browser.get(link).hidden_fields()})
    assert (again.status, log_in(node, NEW_PASSWORD)) == (303, 303)


def test_the_token_goes_nowhere_and_is_kept_as_a_hash(node: Provider) -> None:
    link, browser = make_link(node), Resident(node.application)
    token = link.partition("token=")[2]
    page = browser.get(link)
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "http" not in re.sub(r'action="[^"]*"', "", page.text.partition("<main")[2].partition("</main")[0])
    set_password(browser, link, "short")
    for table in ("oauth2_password_link", "oauth2_event", "oauth2_user"):
        assert token not in str(rows(node, f"SELECT * FROM {table}"))


def test_the_token_is_in_no_line_of_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **PRODUCTION, OAUTH2_ACCESS_LOG=True) as provider:
        add_user(provider, "alice")
        link, browser = make_link(provider), Resident(provider.application)
        capsys.readouterr()
        browser.get(link)
        set_password(browser, link, "short")
        assert set_password(browser, link).status == 303
        logged = capsys.readouterr()
    assert '"path":"/set_password"' in logged.err
    assert "password_link_used" in logged.err
    assert link.partition("token=")[2] not in logged.out + logged.err


def test_making_and_using_a_link_are_events(node: Provider) -> None:
    link = make_link(node)
    made = latest_event(node, "password_link_created")
    assert made.actor.startswith("command:")
    set_password(Resident(node.application), link)
    used, changed = latest_event(node, "password_link_used"), latest_event(node, "password_changed")
    assert used.subject == changed.subject == made.subject is not None
    assert used.address == "203.0.113.7"


def test_an_export_has_the_links_without_their_hashes(node: Provider) -> None:
    make_link(node)
    exported = run_for_json(node, "users", "export", "alice")
    assert [set(link) for link in exported["password_links"]] == [{"user_id", "created_at", "expires_at"}]
    assert exported["user"]["logs_in_by"] == ["alice"]


# In the terminal


def test_the_command_prints_a_link_and_where_asked_a_qr_code(node: Provider) -> None:
    plain = run(node, "users", "reset-link", "alice").stdout
    assert plain.splitlines()[1].startswith("https://id.example/set_password?token=gwpl_")
    assert len(plain.splitlines()) == 2
    drawn = run(node, "users", "reset-link", "alice", "--qr").stdout
    assert {"\u2588", "\u2580", "\u2584"} & set(drawn)
    assert len(drawn.splitlines()) > 15


def test_a_new_account_gets_a_link_for_its_first_password(node: Provider) -> None:
    output = run(node, "users", "create", "ada", "--name", "Ada King", "--email", "ada@example.org", "--link").stdout
    assert output.startswith("User ada created\nOne-time link for ada")
    browser = Resident(node.application)
    assert browser.log_in("ada", password="").status == 422
    link = urlsplit(output.splitlines()[2])
    assert set_password(browser, f"{link.path}?{link.query}").status == 303
    assert browser.log_in("ada", password=NEW_PASSWORD).status == 303
    assert node.server.users.find_row("ada").name == "Ada King"


# Elsewhere


def test_the_demo_has_no_links(application: Flask) -> None:
    runner = application.test_cli_runner()
    Provider(application).server.users.find_or_create("ada")
    for command in (("reset-link", "ada"), ("create", "bob", "--link")):
        result = runner.invoke(args=["users", *command])
        assert (result.exit_code, result.output) == (1, "Error: The demo has no passwords: any username can log in.\n")
    assert Provider(application).server.users.find_row("bob") is None
    for path in ("/set_password?token=x", "/set_password/done"):
        assert application.test_client().get(path).status_code == 404


def test_a_host_brings_its_own_passwords(tmp_path: Path) -> None:
    host = Host(f"sqlite:///{tmp_path}/db.sqlite", tmp_path)
    host.set_up()
    file = tmp_path / "people.csv"
    file.write_text("username\nada\n")
    for command in (("reset-link", "Ada"), ("create", "ada", "--link"), ("import", str(file))):
        result = host.app.test_cli_runner().invoke(args=["grantwright", "users", *command])
        assert result.exit_code == 1
        assert "has its own users" in result.output
    assert host.app.test_client().get("/sso/set_password?token=x").status_code == 404
    host.close()
