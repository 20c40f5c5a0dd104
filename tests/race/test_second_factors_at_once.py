"""Second factors that many use at one moment, on two nodes and one PostgreSQL: each code is accepted once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from sqlalchemy import text

from tests.support.at_once import at_once
from tests.support.authenticator import LOGIN_PAGE, SETUP_PAGE, Authenticator, set_up
from tests.support.passkeys import give_passkey
from tests.support.residents import Resident, add_user, open_nodes, rows
from tests.support.token_requests import Provider

BROWSERS = 8
NOW = 1_800_000_000


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), "postgresql") as opened:
        yield opened


def log_in_with_password(nodes: list[Provider], name: str) -> list[tuple[Resident, dict[str, str]]]:
    """Return browsers between the two factors, half of them at each node, with the form that they see."""
    found = []
    for index in range(BROWSERS):
        browser = Resident(nodes[index % 2].application)
        assert browser.log_in(name).location == LOGIN_PAGE
        found.append((browser, browser.get(LOGIN_PAGE).hidden_fields()))
    return found


def set_up_app(node: Provider, name: str, clock: time_machine.Coordinates) -> Authenticator:
    browser = Resident(node.application)
    browser.log_in(name)
    app, answer = set_up(browser)
    assert answer.status == 200
    clock.shift(3600)
    return app


def test_code_is_accepted_once_by_two_nodes(nodes: list[Provider]) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        add_user(nodes[0], "ann")
        app = set_up_app(nodes[0], "ann", clock)
        browsers = log_in_with_password(nodes, "ann")
        code = app.code()
        answers = at_once(
            BROWSERS, lambda index: browsers[index][0].post(LOGIN_PAGE, {**browsers[index][1], "code": code}).status
        )
    assert sorted(answers) == [303, *[422] * (BROWSERS - 1)]


def test_recovery_code_is_used_once_by_two_nodes(nodes: list[Provider]) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        add_user(nodes[0], "bob")
        app = set_up_app(nodes[0], "bob", clock)
        browsers = log_in_with_password(nodes, "bob")
        fields = {"recovery_code": app.recovery_codes[0]}
        answers = at_once(
            BROWSERS, lambda index: browsers[index][0].post(LOGIN_PAGE, {**browsers[index][1], **fields}).status
        )
    assert sorted(answers) == [303, *[422] * (BROWSERS - 1)]
    assert rows(nodes[0], "SELECT count(*) FROM oauth2_event WHERE event = 'recovery_code_used'") == [(1,)]


def test_one_of_many_setups_wins(nodes: list[Provider]) -> None:
    with time_machine.travel(NOW, tick=False):
        add_user(nodes[0], "carol")
        browsers = [Resident(nodes[index % 2].application) for index in range(BROWSERS)]
        for browser in browsers:
            browser.log_in("carol")
        pages = [browser.get(SETUP_PAGE) for browser in browsers]
        codes = [Authenticator.scan(page).code() for page in pages]
        answers = at_once(
            BROWSERS,
            lambda index: browsers[index].post(SETUP_PAGE, {**pages[index].hidden_fields(), "code": codes[index]}),
        )
    assert ["recovery-codes" in answer.text for answer in answers].count(True) == 1
    assert rows(
        nodes[0],
        "SELECT acr FROM oauth2_session s JOIN oauth2_subject t ON t.subject = s.subject"
        " JOIN oauth2_user u ON t.user_id = CAST(u.id AS VARCHAR) WHERE u.username = 'carol'",
    ) == [("2",)]


def test_login_that_begins_while_a_factor_is_being_required_does_not_outlive_it(nodes: list[Provider]) -> None:
    user_id = add_user(nodes[0], "dora")
    browsers = [Resident(nodes[index % 2].application) for index in range(BROWSERS)]
    forms = [browser.get("/").hidden_fields() for browser in browsers]

    def act(index: int) -> None:
        if index == 0:
            nodes[1].server.accounts.second_factors.set_required(user_id, True)
        else:
            fields = {**forms[index], "username": "dora", "password": "correct horse battery staple"}
            browsers[index].post("/", fields)

    at_once(BROWSERS, act)
    assert not any(browser.is_logged_in() for browser in browsers)


def test_who_has_no_password_keeps_one_of_two_passkeys_that_are_removed_at_once(nodes: list[Provider]) -> None:
    user_id = add_user(nodes[0], "emil")
    browsers = [Resident(node.application) for node in nodes]
    for browser in browsers:
        browser.log_in("emil")
    passkeys = [give_passkey(nodes[0].application, "emil") for _browser in browsers]
    with nodes[0].server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET password_hash = NULL WHERE id = :id"), {"id": user_id})
        connection.execute(text("UPDATE oauth2_session SET acr = 'phr'"))
    forms = [browser.get(f"/account/passkeys/{passkeys[0]}/remove").hidden_fields() for browser in browsers]
    at_once(2, lambda index: browsers[index].post(f"/account/passkeys/{passkeys[index]}/remove", forms[index]))
    assert rows(nodes[0], "SELECT count(*) FROM oauth2_passkey WHERE user_id = :id", id=user_id) == [(1,)]
