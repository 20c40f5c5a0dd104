"""Second factors at login, in production: no session without them, each code once, and what happens between the two."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import time_machine
from sqlalchemy import text

from tests.support.authenticator import LOGIN_PAGE, SETUP_PAGE, Authenticator, enter, set_up
from tests.support.commands import run, run_for_json
from tests.support.device_flow import allow, poll, start_device
from tests.support.passkeys import give_passkey
from tests.support.person import Pkce
from tests.support.residents import (
    PASSWORD,
    Resident,
    add_client,
    add_user,
    draw_code,
    open_nodes,
    redeem,
    rows,
)
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.users.login_throttle import FACTOR_TRIES

NOW = 1_800_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param) as opened:
        yield opened


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def node(nodes: list[Provider], clock: time_machine.Coordinates) -> Iterator[Provider]:
    """A node with an account, alice."""
    add_user(nodes[0])
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        tables = (
            "oauth2_login_throttle", "oauth2_client", "oauth2_group", "oauth2_subject", "oauth2_user", "oauth2_event",
        )  # fmt: skip
        for table in tables:
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def app(node: Provider, clock: time_machine.Coordinates) -> Authenticator:
    """Alice's authenticator app, set up a while ago."""
    browser = Resident(node.application)
    browser.log_in()
    app, answer = set_up(browser)
    assert answer.status == 200
    assert len(app.recovery_codes) == 10
    clock.shift(3600)
    return app


def require_factor(node: Provider) -> None:
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_user SET requires_factor = :yes"), {"yes": True})


# --- the gate


def test_password_alone_logs_nobody_in_who_has_an_app(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    answer = browser.log_in()
    assert (answer.status, answer.location) == (303, LOGIN_PAGE)
    assert not browser.is_logged_in()
    answer = enter(browser, LOGIN_PAGE, code=app.code())
    assert (answer.status, answer.location) == (303, "/")
    assert browser.is_logged_in()
    assert rows(node, "SELECT acr, amr FROM oauth2_session ORDER BY created_at DESC")[0][0] == "2"


def test_login_goes_on_to_where_the_person_came_for(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    answer = browser.log_in(next_page=quote("/account/sessions"))
    assert answer.location == f"{LOGIN_PAGE}?next=/account/sessions"
    assert enter(browser, answer.location, code=app.code()).location == "/account/sessions"


def test_code_works_once_and_not_after_a_later_one(
    node: Provider, app: Authenticator, clock: time_machine.Coordinates
) -> None:
    first, second = Resident(node.application), Resident(node.application)
    first.log_in()
    second.log_in()
    assert enter(first, LOGIN_PAGE, code=app.code()).status == 303
    assert enter(second, LOGIN_PAGE, code=app.code()).status == 422
    assert enter(second, LOGIN_PAGE, code=app.code(-1)).status == 422
    assert enter(second, LOGIN_PAGE, code=app.code(1)).status == 303


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_codes_of_one_step_before_and_after_are_accepted(
    node: Provider, app: Authenticator, steps: int, status: int
) -> None:
    browser = Resident(node.application)
    browser.log_in()
    assert enter(browser, LOGIN_PAGE, code=app.code(steps)).status == status


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "x" * 9000]
)
def test_what_is_no_code_is_wrong(node: Provider, app: Authenticator, typed: str) -> None:
    browser = Resident(node.application)
    browser.log_in()
    answer = enter(browser, LOGIN_PAGE, code=typed)
    assert answer.status == 422
    assert "Wrong code" in answer.text


def test_recovery_code_works_once_however_it_is_typed(node: Provider, app: Authenticator) -> None:
    code = app.recovery_codes[3]
    browser = Resident(node.application)
    browser.log_in()
    assert enter(browser, LOGIN_PAGE, recovery_code=f" {code.upper().replace('-', ' ')} ").status == 303
    other = Resident(node.application)
    other.log_in()
    assert enter(other, LOGIN_PAGE, recovery_code=code).status == 422
    assert enter(other, LOGIN_PAGE, recovery_code=app.recovery_codes[4]).status == 303
    assert rows(node, "SELECT count(*) FROM oauth2_event WHERE event = 'recovery_code_used'") == [(2,)]


def test_pending_login_ends_after_ten_minutes(
    node: Provider, app: Authenticator, clock: time_machine.Coordinates
) -> None:
    browser = Resident(node.application)
    browser.log_in()
    clock.shift(601)
    answer = browser.get(LOGIN_PAGE)
    assert (answer.status, answer.location) == (303, "/?next=/")


def test_new_password_ends_a_pending_login(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    node.server.users.set_password(node.server.users.find_row("alice").id, "a new staple for the battery")
    assert enter(browser, LOGIN_PAGE, code=app.code()).location.startswith("/?next=")
    assert not browser.is_logged_in()


def test_login_of_this_browser_goes_on_until_the_other_one_is_complete(node: Provider, app: Authenticator) -> None:
    add_user(node, "bob")
    browser = Resident(node.application)
    browser.log_in("bob")
    browser.log_in("alice")
    assert "bob" in browser.get("/account").text
    enter(browser, LOGIN_PAGE, code=app.code())
    assert "alice" in browser.get("/account").text


def test_wrong_codes_are_throttled_apart_from_passwords(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clock: time_machine.Coordinates
) -> None:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 5, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 100}
    with open_nodes(request, tmp_path_factory.mktemp("throttled"), "sqlite", 1, **limits) as [node]:
        add_user(node)
        owner = Resident(node.application)
        owner.log_in()
        app, _answer = set_up(owner)
        clock.shift(3600)
        thief = Resident(node.application)
        statuses = []
        for _number in range(8):
            thief.log_in()  # the right password doesn't reset the count
            statuses.append(enter(thief, LOGIN_PAGE, code="000000").status)
        assert statuses[:5] == [422] * 5
        assert set(statuses[5:]) == {429}
        assert enter(thief, LOGIN_PAGE, code=app.code()).status == 429
        clock.shift(3600)
        thief.log_in()
        assert enter(thief, LOGIN_PAGE, code=app.code()).status == 303


@pytest.mark.parametrize("tries", [20, 0], ids=["from browsers that are known", "without a limit for passwords"])
def test_wrong_codes_have_a_limit_of_their_own_for_the_whole_account(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    clock: time_machine.Coordinates,
    tries: int,
) -> None:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": tries, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 0}
    with open_nodes(request, tmp_path_factory.mktemp("throttled"), "sqlite", 1, **limits) as [node]:
        add_user(node)
        owner, *thieves = (Resident(node.application) for _ in range(4))
        for browser in (owner, *thieves):  # each is a browser that is known from now on
            browser.log_in()
        app, _answer = set_up(owner)
        forms = []
        for thief in thieves:
            thief.log_in()
            forms.append({**thief.get(LOGIN_PAGE).hidden_fields(), "code": "000000"})
        for number in range(FACTOR_TRIES):
            assert thieves[number % 3].post(LOGIN_PAGE, forms[number % 3]).status == 422
        for thief, form in zip(thieves, forms, strict=True):
            assert thief.post(LOGIN_PAGE, form).status == 429

        # The owner waits, too, and is told how long: a quarter of an hour at most, however long somebody goes on.
        waits = []
        while "15 minutes" not in waits:
            answer = thieves[0].post(LOGIN_PAGE, forms[0])
            waits.append(answer.text.partition("Too many wrong codes. Wait ")[2].partition(" and try again.")[0])
            clock.shift(int(answer.headers["Retry-After"]))
            thieves[0].log_in()
            forms[0] = {**thieves[0].get(LOGIN_PAGE).hidden_fields(), "code": "000000"}
            assert thieves[0].post(LOGIN_PAGE, forms[0]).status == 422
        assert waits[:2] == ["1 second", "2 seconds"]
        assert "3 minutes" in waits  # 128 seconds
        other = Resident(node.application)
        other.log_in()
        assert enter(other, LOGIN_PAGE, code=app.code()).status == 429
        clock.shift(901)
        other.log_in()
        assert enter(other, LOGIN_PAGE, code=app.code()).status == 303
        assert rows(node, "SELECT count(*) FROM oauth2_login_throttle WHERE kind = 'factor'") == [(0,)]


def test_who_does_not_know_the_password_counts_no_wrong_code(node: Provider, app: Authenticator) -> None:
    stranger = Resident(node.application)
    token = stranger.get("/").hidden_fields()["csrf_token"]
    counted = rows(node, "SELECT kind, failures FROM oauth2_login_throttle")
    for path in (LOGIN_PAGE, f"{LOGIN_PAGE}?acr=2", f"{LOGIN_PAGE}/set_up"):
        for field in ("code", "recovery_code"):
            assert stranger.post(path, {"csrf_token": token, "username": "alice", field: "000000"}).status == 303
    assert rows(node, "SELECT kind, failures FROM oauth2_login_throttle") == counted
    assert rows(node, "SELECT count(*) FROM oauth2_event WHERE event = 'second_factor_failed'") == [(0,)]


# --- the password grant


def test_password_grant_is_refused_where_a_second_factor_is_needed(node: Provider, app: Authenticator) -> None:
    client = add_client(node)
    answer = node.ask_token(client, "password", username="alice", password=PASSWORD)
    assert (answer.status, answer.error) == (400, "invalid_grant")
    assert "second factor" in answer.json["error_description"]
    wrong = node.ask_token(client, "password", username="alice", password="wrong")
    assert wrong.json["error_description"] == "Wrong username or password."
    assert rows(node, "SELECT count(*) FROM oauth2_grant") == [(0,)]


# --- setting up


def test_required_factor_is_set_up_before_there_is_a_session(node: Provider) -> None:
    require_factor(node)
    browser = Resident(node.application)
    answer = browser.log_in(next_page=quote("/account/sessions"))
    answer = browser.get(answer.location)
    assert answer.location == f"{LOGIN_PAGE}/set_up?next=/account/sessions"
    assert not browser.is_logged_in()
    app, answer = set_up(browser, answer.location)
    assert answer.status == 200
    assert 'href="/account/sessions"' in answer.text
    assert len(app.recovery_codes) == 10
    assert browser.is_logged_in()
    assert rows(node, "SELECT acr FROM oauth2_session") == [("2",)]


def test_somebody_with_a_factor_cannot_set_up_another_one_in_the_middle_of_the_login(
    node: Provider, app: Authenticator
) -> None:
    thief = Resident(node.application)
    thief.log_in()
    assert thief.get(f"{LOGIN_PAGE}/set_up").status == 303
    own = Resident(node.application)  # a form that was opened before the owner set up theirs
    require_factor(node)
    node.server.database.engine.dispose()
    with node.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_totp_secret"))
    own.log_in()
    page = own.get(f"{LOGIN_PAGE}/set_up")
    owner = Resident(node.application)
    owner.log_in()
    set_up(owner, f"{LOGIN_PAGE}/set_up")
    late = Authenticator.scan(page)
    own.post(f"{LOGIN_PAGE}/set_up", {**page.hidden_fields(), "code": late.code()})
    assert not own.is_logged_in()


def test_setting_up_ends_the_other_logins_and_renews_this_one(node: Provider) -> None:
    browser, other = Resident(node.application), Resident(node.application)
    browser.log_in()
    other.log_in()
    before = browser.door.get_cookie("__Host-grantwright", domain="id.example").value
    set_up(browser)
    assert browser.is_logged_in()
    assert not other.is_logged_in()
    assert browser.door.get_cookie("__Host-grantwright", domain="id.example").value != before
    assert rows(node, "SELECT acr FROM oauth2_session") == [("2",)]


def test_setting_up_ends_a_device_that_a_password_allowed(node: Provider) -> None:
    client = add_client(node)
    browser = Resident(node.application)
    browser.log_in()
    codes = start_device(node, client, scope="profile")
    allow(browser, codes["user_code"])
    set_up(browser)
    assert poll(node, client, codes["device_code"]).error in ("expired_token", "invalid_grant")


def test_setting_up_needs_a_recent_login(node: Provider, clock: time_machine.Coordinates) -> None:
    browser = Resident(node.application)
    browser.log_in()
    page = browser.get(SETUP_PAGE)
    clock.shift(601)
    answer = browser.get(SETUP_PAGE)
    assert (answer.status, answer.location) == (303, f"/?next={SETUP_PAGE}&again=1")
    late = Authenticator.scan(page)
    assert browser.post(SETUP_PAGE, {**page.hidden_fields(), "code": late.code()}).status == 303
    assert rows(node, "SELECT count(*) FROM oauth2_totp_secret") == [(0,)]


def test_secret_of_a_setup_works_for_its_account_alone(node: Provider) -> None:
    add_user(node, "bob")
    alice, bob = Resident(node.application), Resident(node.application)
    alice.log_in()
    bob.log_in("bob")
    page = alice.get(SETUP_PAGE)
    setup = page.hidden_fields()["setup"]
    app = Authenticator.scan(page)
    answer = enter(bob, SETUP_PAGE, setup=setup, code=app.code())
    assert answer.status == 422
    assert rows(node, "SELECT count(*) FROM oauth2_totp_secret") == [(0,)]


def test_new_password_keeps_the_assurance_of_the_login(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    new = "a new staple for the battery"
    fields = {"password": PASSWORD, "new_password": new, "new_password_again": new}
    assert browser.submit("/account/password", **fields).location == "/account"
    assert browser.is_logged_in()
    assert rows(node, "SELECT acr FROM oauth2_session") == [("2",)]


# --- recovery codes and removal


def test_new_recovery_codes_replace_the_old_ones(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    old = app.recovery_codes
    app.keep(browser.submit("/account/recovery_codes"))
    assert len(app.recovery_codes) == 10
    other = Resident(node.application)
    other.log_in()
    assert enter(other, LOGIN_PAGE, recovery_code=old[0]).status == 422
    assert enter(other, LOGIN_PAGE, recovery_code=app.recovery_codes[0]).status == 303


def test_new_recovery_codes_can_be_downloaded(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    page = browser.submit("/account/recovery_codes")
    app.keep(page)
    file = re.search(r'download="recovery-codes.txt" href="data:text/plain;charset=utf-8,([^"]+)"', page.text)
    assert file
    assert unquote(file.group(1)).splitlines() == app.recovery_codes


def test_account_says_when_few_codes_are_left(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    for code in app.recovery_codes[:7]:
        assert enter(browser, LOGIN_PAGE, recovery_code=code).status == 303
        browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    assert "Only 3 left" in browser.get("/account").text


def test_codes_go_with_the_last_factor_and_the_password_is_enough_again(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    answer = browser.submit("/account/authenticator_app/remove", SETUP_PAGE)
    assert answer.location == "/account"
    assert rows(node, "SELECT count(*) FROM oauth2_recovery_code") == [(0,)]
    assert Resident(node.application).log_in().location == "/"


def test_last_factor_stays_where_one_is_required(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    page = browser.get(SETUP_PAGE)
    require_factor(node)
    browser.post("/account/authenticator_app/remove", page.hidden_fields())
    assert "Add another one" in browser.get("/account").text
    assert rows(node, "SELECT count(*) FROM oauth2_totp_secret") == [(1,)]


@pytest.mark.parametrize("is_required", [True, False])
def test_a_passkey_does_not_count_as_the_factor_that_is_left_while_passkeys_are_off(
    node: Provider, app: Authenticator, tmp_path: Path, is_required: bool
) -> None:
    give_passkey(node.application, "alice")
    if is_required:
        require_factor(node)
    uri = node.application.config["SQLALCHEMY_DATABASE_URI"]
    with open_provider(tmp_path, uri, **{**PRODUCTION, "OAUTH2_PASSKEYS": False}) as without:
        browser = Resident(without.application)
        browser.log_in()
        enter(browser, LOGIN_PAGE, code=app.code())
        page = browser.get(SETUP_PAGE)
        assert ("Add a passkey before" in page.text) is is_required
        browser.post("/account/authenticator_app/remove", browser.get("/account/password").hidden_fields())
        assert rows(node, "SELECT count(*) FROM oauth2_totp_secret") == [(int(is_required),)]
        codes = rows(node, "SELECT count(*) FROM oauth2_recovery_code")
        assert codes == [(10 if is_required else 0,)]


# --- requiring and resetting


def test_requirement_ends_what_was_given_for_a_password(node: Provider) -> None:
    client, pkce, browser = add_client(node), Pkce(), Resident(node.application)
    browser.log_in()
    tokens = redeem(node, client, draw_code(browser, client, pkce), pkce).json
    waiting_pkce = Pkce()
    waiting = draw_code(browser, client, waiting_pkce)
    by_password = node.ask_token(client, "password", username="alice", password=PASSWORD).json
    run(node, "users", "require-factor", "alice")
    assert not browser.is_logged_in()
    for held in (tokens, by_password):
        assert not node.is_active(client, held["access_token"])
        assert node.refresh(client, held["refresh_token"]).error == "invalid_grant"
    assert redeem(node, client, waiting, waiting_pkce).error == "invalid_grant"


def test_requirement_ends_nothing_that_was_given_for_two_factors(node: Provider, app: Authenticator) -> None:
    client, pkce, browser = add_client(node), Pkce(), Resident(node.application)
    browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    tokens = redeem(node, client, draw_code(browser, client, pkce), pkce).json
    run(node, "users", "require-factor", "alice")
    assert browser.is_logged_in()
    assert node.is_active(client, tokens["access_token"])
    assert rows(node, "SELECT count(*) FROM oauth2_event WHERE event = 'factor_requirement_changed'") == [(1,)]


def test_group_requires_a_factor_of_those_in_it_and_of_those_who_join(node: Provider) -> None:
    add_user(node, "bob")
    groups = node.server.access.groups
    group = groups.create("admins")
    alice, bob = Resident(node.application), Resident(node.application)
    alice.log_in()
    bob.log_in("bob")
    groups.add_members(group.id, [node.server.users.find_row("alice").id])
    assert alice.is_logged_in()
    groups.update(group.id, requires_factor=True)
    assert not alice.is_logged_in()
    assert Resident(node.application).log_in().location == LOGIN_PAGE
    assert bob.is_logged_in()
    groups.add_members(group.id, [node.server.users.find_row("bob").id])
    assert not bob.is_logged_in()
    groups.delete(group.id)
    assert Resident(node.application).log_in("bob").location == "/"


def test_reset_ends_everything_and_leaves_the_password(node: Provider, app: Authenticator) -> None:
    browser = Resident(node.application)
    browser.log_in()
    enter(browser, LOGIN_PAGE, code=app.code())
    run(node, "users", "reset-factors", "alice", "--yes")
    assert not browser.is_logged_in()
    assert Resident(node.application).log_in().location == "/"
    counts = "SELECT (SELECT count(*) FROM oauth2_totp_secret) + (SELECT count(*) FROM oauth2_recovery_code)"
    assert rows(node, counts) == [(0,)]


def test_commands_tell_what_is_required(node: Provider) -> None:
    assert "needs a second factor" in run(node, "users", "require-factor", "alice").output
    assert "as before" in run(node, "users", "require-factor", "alice").output
    assert run_for_json(node, "users", "show", "alice", "--json")["needs_second_factor"] is True
    assert "doesn't need" in run(node, "users", "require-factor", "alice", "--no").output


def test_operators_need_one_where_the_setting_says_so(
    nodes: list[Provider], node: Provider, tmp_path: Path, clock: time_machine.Coordinates
) -> None:
    add_user(node, "root", is_operator=True)
    browser = Resident(node.application)
    same = {**PRODUCTION, "OAUTH2_OPERATORS_NEED_SECOND_FACTOR": True}
    with open_provider(tmp_path, node.application.config["SQLALCHEMY_DATABASE_URI"], **same) as strict:
        browser.log_in("root")  # at a node that still runs without it
        assert not browser.at(strict.application).is_logged_in()
        assert Resident(strict.application).log_in("root").location == LOGIN_PAGE
        assert Resident(strict.application).log_in("alice").location == "/"


@pytest.mark.parametrize("of_group", [False, True], ids=["by themselves", "by a group"])
def test_helpdesk_needs_one_where_the_setting_says_so(
    node: Provider, tmp_path: Path, clock: time_machine.Coordinates, of_group: bool
) -> None:
    if of_group:
        run(node, "groups", "create", "desk")
        run(node, "groups", "add", "desk", "alice")
    run(node, "roles", "grant", "helpdesk", *(["desk", "--group"] if of_group else ["alice"]))
    add_user(node, "bob")
    browser, page = Resident(node.application), f"/people/{node.server.users.find_row('bob').id}"
    same = {**PRODUCTION, "OAUTH2_OPERATORS_NEED_SECOND_FACTOR": True}
    with open_provider(tmp_path, node.application.config["SQLALCHEMY_DATABASE_URI"], **same) as strict:
        browser.log_in()  # at a node that still runs without it
        assert browser.get(page).status == 200
        assert Resident(strict.application).log_in().location == LOGIN_PAGE
        assert Resident(strict.application).log_in("bob").location == "/"
        # That login isn't valid here, for apps either.
        at_strict, client = browser.at(strict.application), add_client(strict)
        assert not at_strict.is_logged_in()
        form = {"csrf_token": at_strict.get("/").hidden_fields()["csrf_token"]}
        assert at_strict.post(f"{page}/link", form).status == 303
        assert rows(node, "SELECT count(*) FROM oauth2_password_link") == [(0,)]
        silent = {**Pkce().parameters, "scope": "profile", "prompt": "none"}
        assert at_strict.ask(client.client_id, **silent).query["error"] == "login_required"
        at_strict.log_in(next_page=page)
        _app, answer = set_up(at_strict, f"{LOGIN_PAGE}/set_up?next={page}")
        assert f'href="{page}"' in answer.text
        assert at_strict.get(page).status == 200


def test_a_new_password_in_a_login_from_before_the_requirement_asks_to_log_in_again(node: Provider) -> None:
    browser, new = Resident(node.application), "a new staple for the battery"
    browser.log_in()
    with node.server.database.engine.begin() as connection:  # at this moment, which would end the login
        connection.execute(text("UPDATE oauth2_user SET requires_factor = true WHERE username = 'alice'"))
    fields = {"password": PASSWORD, "new_password": new, "new_password_again": new}
    assert browser.submit("/account/password", **fields).location == "/?next=/account"
    assert browser.get("/account").status == 303
    assert Resident(node.application).log_in(password=new).location == LOGIN_PAGE


def test_secrets_are_encrypted_again_with_the_new_key(
    nodes: list[Provider], node: Provider, app: Authenticator, tmp_path: Path
) -> None:
    stored = rows(node, "SELECT encrypted_secret FROM oauth2_totp_secret")[0][0]
    assert app.secret not in bytes(stored)
    assert node.server.accounts.second_factors.totp.reencrypt() == 1
    assert rows(node, "SELECT encrypted_secret FROM oauth2_totp_secret")[0][0] != stored
    browser = Resident(node.application)
    browser.log_in()
    assert enter(browser, LOGIN_PAGE, code=app.code()).status == 303
