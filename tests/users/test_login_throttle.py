"""Wrong passwords slow down, per account and per address, on every node, and lock nobody out for good (U4)."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.race.volley import Battery, count, post
from tests.support.at_once import at_once
from tests.support.live_server import LiveServer
from tests.support.person import Answer, Person
from tests.support.residents import ISSUER, PASSWORD, Resident, add_client, add_user, open_nodes, rows
from tests.support.token_requests import PRODUCTION, TOKEN, MachineClient, Provider, open_provider
from website.settings import Settings, SettingsError
from website.users.login_throttle import ACCOUNT, RECEIVER, RECEIVER_TRIES, TooManyTriesError
from website.users.password_queue import password_queue

WRONG = "wrong " + PASSWORD
TRIES, ADDRESS_TRIES, MAX_WAIT = 5, 8, 10
LIMITS = {
    "OAUTH2_LOGIN_TRIES_PER_ACCOUNT": TRIES,
    "OAUTH2_LOGIN_TRIES_PER_ADDRESS": ADDRESS_TRIES,
    "OAUTH2_LOGIN_MAX_WAIT_SECONDS": MAX_WAIT,
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **LIMITS) as opened:
        add_user(opened[0], "alice")
        add_user(opened[0], "carol")
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_login_throttle"))


@pytest.fixture
def clock() -> Iterator[Any]:
    """A clock that stands still until it is moved."""
    with time_machine.travel(1_800_000_000, tick=False) as traveller:
        yield traveller


def guess(node: Provider, number: int = TRIES, username: str = "alice", address: str = "") -> list[int]:
    """Log in with wrong passwords, each time from another browser at another address unless one is given."""
    answers = []
    for index in range(number):
        browser = Resident(node.application, address or f"198.51.100.{index}")
        answers.append(browser.log_in(username, password=WRONG).status)
    return answers


def log_in(node: Provider, username: str = "alice", address: str = "203.0.113.77", password: str = PASSWORD) -> Answer:
    return Resident(node.application, address).log_in(username, password=password)


def retry_after(answer: Answer) -> int:
    assert answer.status == 429, answer.text
    return int(answer.headers["Retry-After"])


def test_the_limits_unless_the_operator_sets_others() -> None:
    own = Settings()
    assert (own.login_tries_per_account, own.login_tries_per_address, own.login_max_wait_seconds) == (5, 20, 900)


def test_after_five_wrong_passwords_even_the_right_one_waits_and_then_is_forgiven(node: Provider, clock: Any) -> None:
    assert guess(node) == [422] * TRIES
    refused = log_in(node)
    assert retry_after(refused) == 1
    assert "Wait 1 second and try again" in refused.text
    clock.shift(1)
    assert log_in(node).status == 303
    assert guess(node) == [422] * TRIES  # as many as before the first
    assert log_in(node).status == 429


def test_four_wrong_passwords_slow_nothing_down(node: Provider, clock: Any) -> None:
    for _ in range(3):
        assert guess(node, TRIES - 1) == [422] * (TRIES - 1)
        assert log_in(node).status == 303


def test_every_further_wrong_password_doubles_the_wait_up_to_the_longest(node: Provider, clock: Any) -> None:
    guess(node)
    waits = []
    for _ in range(6):
        waits.append(retry_after(log_in(node)))
        clock.shift(waits[-1] - 1)
        assert retry_after(log_in(node)) == 1
        clock.shift(1)
        assert guess(node, 1) == [422]
    assert waits == [1, 2, 4, 8, MAX_WAIT, MAX_WAIT]


def test_whoever_tries_while_it_waits_makes_it_no_longer(node: Provider, clock: Any) -> None:
    guess(node)
    clock.shift(1)
    guess(node, 1)
    assert guess(node, 10) == [429] * 10
    assert retry_after(log_in(node)) == 2
    clock.shift(2)
    assert log_in(node).status == 303


def test_nothing_is_ever_locked_for_good(node: Provider, clock: Any) -> None:
    guess(node)
    for _ in range(12):
        clock.shift(MAX_WAIT)
        assert guess(node, 3) == [422, 429, 429]
    assert 0 < retry_after(log_in(node)) <= MAX_WAIT
    clock.shift(MAX_WAIT)
    assert log_in(node).status == 303


def test_failures_long_ago_are_forgotten(node: Provider, clock: Any) -> None:
    guess(node)
    clock.shift(4 * MAX_WAIT)
    assert guess(node) == [422] * TRIES
    assert retry_after(log_in(node)) == 1


def test_an_account_that_does_not_exist_is_answered_as_one_that_does(node: Provider, clock: Any) -> None:
    def story(username: str, address: str) -> list[tuple[int, str | None, str]]:
        told = []
        for _ in range(TRIES + 2):
            answer = log_in(node, username, address, WRONG)
            page = re.sub(r'(nonce|value)="[^"]*"', "", answer.text.replace(username, "name"))
            told.append((answer.status, answer.headers.get("Retry-After"), page))
            if answer.status == 429:
                clock.shift(1)
        return told

    known, unknown = story("alice", "198.51.100.1"), story("nobot", "198.51.100.2")
    assert [told[0] for told in known] == [422] * TRIES + [429, 422]
    assert known == unknown


def test_another_account_from_another_address_is_not_affected(node: Provider, clock: Any) -> None:
    guess(node)
    assert log_in(node, "carol").status == 303
    assert log_in(node, "alice").status == 429


def test_no_name_counts_for_something_else_than_the_passwords_of_an_account(node: Provider, clock: Any) -> None:
    throttle, purposes = node.server.accounts.throttle, ("second factor", "password_recovery", "email_verification")
    for purpose in purposes:
        for typed in (f"{purpose}:alice", f"{purpose} of alice", f" {purpose}:alice", f"account {purpose}:alice"):
            guess(node, username=typed)
        throttle.count_try({ACCOUNT: "alice", RECEIVER: "alice"}, purpose)  # isn't asked to wait
    for purpose in purposes[1:]:
        with pytest.raises(TooManyTriesError):
            for _ in range(RECEIVER_TRIES + 1):
                throttle.count_try({RECEIVER: "alice"}, purpose)
    assert log_in(node).status == 303


def test_a_name_is_one_account_however_it_is_written(node: Provider, clock: Any) -> None:
    for name in ("alice", "ALICE", " alice ", "ａｌｉｃｅ", "Alice"):
        assert guess(node, 1, name) == [422]
    assert log_in(node).status == 429


# --- addresses


def test_one_address_that_tries_many_accounts_waits(node: Provider, clock: Any) -> None:
    for number in range(ADDRESS_TRIES):
        assert guess(node, 1, f"user {number}", "198.51.100.7") == [422]
    assert retry_after(log_in(node, "carol", "198.51.100.7")) == 1
    assert log_in(node, "carol", "198.51.100.8").status == 303
    clock.shift(1)
    assert log_in(node, "carol", "198.51.100.7").status == 303


def test_the_right_password_does_not_wash_an_address_clean(node: Provider, clock: Any) -> None:
    """Whoever has an account of their own could guess at all others otherwise."""
    for number in range(ADDRESS_TRIES - 1):
        assert guess(node, 1, f"user {number}", "198.51.100.7") == [422]
        if number % 6 == 0:
            assert log_in(node, "carol", "198.51.100.7").status == 303
    assert guess(node, 1, "one more", "198.51.100.7") == [422]
    assert log_in(node, "carol", "198.51.100.7").status == 429


def test_many_who_log_in_rightly_from_one_address_do_not_wait(node: Provider, clock: Any) -> None:
    assert {log_in(node, "carol", "198.51.100.7").status for _ in range(ADDRESS_TRIES + 5)} == {303}


def test_an_ipv6_subscriber_is_one_address_and_the_next_one_another(node: Provider, clock: Any) -> None:
    for number in range(ADDRESS_TRIES):
        address = f"2001:db8:1:2:{number:x}:{number:x}::{number:x}"
        assert guess(node, 1, f"user {number}", address) == [422]
    assert log_in(node, "carol", "2001:db8:1:2:ffff::1").status == 429
    assert log_in(node, "carol", "2001:db8:1:3::1").status == 303


def test_an_ipv4_address_is_the_same_written_as_ipv6(node: Provider, clock: Any) -> None:
    for number in range(ADDRESS_TRIES):
        address = "::ffff:198.51.100.7" if number % 2 else "198.51.100.7"
        assert guess(node, 1, f"user {number}", address) == [422]
    assert log_in(node, "carol", "198.51.100.7").status == 429
    assert log_in(node, "carol", "::ffff:198.51.100.8").status == 303


# --- known browsers


def test_a_browser_that_was_logged_in_before_gets_in_while_strangers_keep_the_account_waiting(
    node: Provider, nodes: list[Provider], clock: Any
) -> None:
    own = Resident(node.application)
    assert own.log_in().status == 303
    own.log_out()
    guess(node)
    assert log_in(node).status == 429
    assert own.log_in().status == 303
    assert own.at(nodes[1].application).log_in().status == 303
    assert log_in(node).status == 429  # the strangers wait on


def test_a_known_browser_guesses_no_more_than_a_stranger_and_keeps_nobody_out(node: Provider, clock: Any) -> None:
    own = Resident(node.application)
    own.log_in()
    assert [own.log_in(password=WRONG).status for _ in range(TRIES + 1)] == [422] * TRIES + [429]
    assert log_in(node).status == 303  # a stranger to the server, with the right password
    assert own.log_in().status == 429
    clock.shift(1)
    assert own.log_in().status == 303


def test_a_browser_is_known_for_the_accounts_that_were_logged_in_with_it_only(node: Provider, clock: Any) -> None:
    own = Resident(node.application)
    assert own.log_in("carol").status == 303
    guess(node)
    assert own.log_in("alice").status == 429


def test_a_browser_is_known_for_an_account_and_not_for_the_next_one_with_its_name(node: Provider, clock: Any) -> None:
    own = Resident(node.application)
    for _ in range(2):
        user_id = add_user(node, "dave")
        assert own.log_in("dave").status == 303
        own.log_out()
        node.server.users.delete(user_id)
    add_user(node, "dave")
    guess(node, username="dave")
    assert own.log_in("dave").status == 429
    node.server.users.delete(node.server.users.find_row("dave").id)


@pytest.mark.parametrize("forged", ["x", "WyJhIixbImIiXV0.aaaa.bbbb", '["a", ["b"]]'])
def test_a_browser_that_says_itself_that_it_is_known_is_not(node: Provider, clock: Any, forged: str) -> None:
    guess(node)
    stranger = Resident(node.application)
    stranger.door.set_cookie("__Host-grantwright-known", forged, domain="id.example")  # type: ignore[union-attr]
    assert stranger.log_in().status == 429


def test_a_browser_is_forgotten_after_half_a_year(node: Provider, clock: Any) -> None:
    own = Resident(node.application)
    own.log_in()
    clock.shift(181 * 86400)
    guess(node)
    assert own.log_in().status == 429


def test_the_cookies_of_production_are_bound_to_this_host_and_https(node: Provider) -> None:
    response = Resident(node.application)
    answer = response.log_in()
    assert answer.status == 303
    cookies = answer.headers.getlist("Set-Cookie")  # type: ignore[attr-defined]
    assert {cookie.partition("=")[0] for cookie in cookies} == {"__Host-grantwright", "__Host-grantwright-known"}
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)
        assert "alice" not in cookie


# --- one count for all doors and nodes


def use_password_grant(node: Provider, client: MachineClient, password: str = WRONG, username: str = "alice"):
    return node.ask_token(client, "password", username=username, password=password)


def test_the_login_page_and_the_password_grant_share_one_count(node: Provider, clock: Any) -> None:
    client = add_client(node)
    guess(node, 3)
    assert [use_password_grant(node, client).status for _ in range(2)] == [400, 400]
    assert log_in(node).status == 429
    refused = use_password_grant(node, client, PASSWORD)
    assert (refused.status, refused.error, refused.headers["Retry-After"]) == (429, "temporarily_unavailable", "1")
    clock.shift(1)
    assert use_password_grant(node, client, PASSWORD).status == 200
    assert guess(node) == [422] * TRIES


def test_a_password_asked_for_again_on_a_page_counts_too(node: Provider, clock: Any) -> None:
    own = Resident(node.application)
    own.log_in()
    for number in range(TRIES):
        path = "/account/password" if number % 2 else "/account/delete"
        new = {"new_password": f"new {PASSWORD}", "new_password_again": f"new {PASSWORD}"}
        assert own.submit(path, password=WRONG, **new).status == 422
    for path in ("/account/password", "/account/delete"):
        refused = own.submit(path, password=PASSWORD)
        assert retry_after(refused) == 1
        assert "Wait 1 second" in refused.text
    assert own.is_logged_in()


def test_two_nodes_share_one_count(node: Provider, nodes: list[Provider], clock: Any) -> None:
    guess(nodes[0], 3)
    guess(nodes[1], 2)
    assert [log_in(each).status for each in nodes] == [429, 429]
    clock.shift(1)
    assert log_in(nodes[1]).status == 303
    assert guess(nodes[0]) == [422] * TRIES


def test_a_login_that_was_turned_away_as_too_busy_writes_nothing(
    node: Provider, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, own = add_client(node), Resident(node.application)
    assert own.log_in("carol").status == 303
    user = node.server.users.find_by_name("alice")
    link = node.server.accounts.password_links.create(int(user.id))
    everything = "SELECT key_hash, failures, blocked_until, expires_at FROM oauth2_login_throttle"
    events = "SELECT count(*) FROM oauth2_event"
    before = rows(node, everything), rows(node, events)
    monkeypatch.setattr(password_queue, "_free", 0)
    answers = [log_in(node, password=password) for password in (WRONG, PASSWORD)]
    answers.append(use_password_grant(node, client))
    new = {"new_password": f"new {PASSWORD}", "new_password_again": f"new {PASSWORD}"}
    answers.append(own.submit("/account/password", password=PASSWORD, **new))
    answers.append(own.submit("/set_password", f"/set_password?token={link}", **new))
    assert [(answer.status, answer.headers["Retry-After"]) for answer in answers[:2]] == [(503, "2")] * 2
    assert {answer.status for answer in answers[2:]} == {503}
    assert (rows(node, everything), rows(node, events)) == before
    monkeypatch.undo()
    assert guess(node) == [422] * TRIES
    assert log_in(node).status == 429


def test_what_is_counted_stands_nowhere_in_clear(node: Provider, clock: Any) -> None:
    guess(node, 1, "a name that nobody has", "198.51.100.123")
    kept = repr(rows(node, "SELECT * FROM oauth2_login_throttle"))
    assert kept.count("account") == kept.count("address") == 1
    assert "nobody" not in kept
    assert "198.51" not in kept


def test_many_at_once_get_no_further_than_one_after_the_other(
    node: Provider, nodes: list[Provider], clock: Any
) -> None:
    client = add_client(node)
    for _ in range(3):  # four at a time: none is turned away as too busy
        at_once(4, lambda number: use_password_grant(nodes[number % 2], client).status)
    statuses = Counter(at_once(4, lambda number: use_password_grant(nodes[number % 2], client).status))
    assert statuses == {429: 4}
    counted = rows(node, "SELECT failures FROM oauth2_login_throttle WHERE kind = 'account'")
    assert counted == [(TRIES,)]


def test_64_at_once_on_two_servers_get_the_free_tries_and_what_the_waits_allow(
    live_server: Callable[..., LiveServer], database_uri: str, tmp_path: Path
) -> None:
    environment = {
        "SQLALCHEMY_DATABASE_URI": database_uri,
        "OAUTH2_TRUSTED_PROXIES": "1",
        **{name: str(value) for name, value in PRODUCTION.items() if isinstance(value, str)},
        "OAUTH2_DEMO": "0",
        "AUTHLIB_INSECURE_TRANSPORT": None,
    }
    with open_provider(tmp_path, database_uri, **PRODUCTION) as here:
        add_user(here)
        client = add_client(here)
        servers = [live_server("granian", environment, initdb=False) for _ in range(2)]
        host = ISSUER.removeprefix("https://")
        proxy = {"Authorization": client.basic, "X-Forwarded-Proto": "https", "X-Forwarded-Host": host}
        fields = {"grant_type": "password", "username": "alice", "password": WRONG}
        # Every one from an address of its own: it is the account that is guarded.
        shots = [post(TOKEN, fields, {**proxy, "X-Forwarded-For": f"198.51.100.{last}"}) for last in range(64)]
        with Battery(*servers, shots=64) as battery:
            began = time.time()
            outcomes = count(battery.fire(shots))
            seconds = int(time.time()) - int(began)
        # After so many seconds so many waits are over; one more may be, as servers count whole seconds.
        waits = next(number for number in range(10) if 2**number - 1 > seconds)
        # 503: all places in the queue for passwords were taken.
        rejected = {"429 temporarily_unavailable", "503 temporarily_unavailable"}
        assert set(outcomes) - rejected == {"400 invalid_grant"}
        assert TRIES <= outcomes["400 invalid_grant"] <= TRIES + waits
        assert sum(outcomes.values()) == 64


# --- clocks that differ


def test_a_node_whose_clock_is_behind_makes_nobody_wait_who_did_not_fail(
    node: Provider, nodes: list[Provider], clock: Any
) -> None:
    """Nodes differ by seconds, and a clock is set back now and then."""
    client = add_client(node)
    clock.shift(30)
    assert log_in(nodes[0]).status == 303
    assert guess(nodes[0], 1, address="203.0.113.78") == [422]
    assert use_password_grant(nodes[0], client, PASSWORD).status == 200
    clock.shift(-30)
    assert log_in(nodes[1]).status == 303
    assert log_in(nodes[1], address="203.0.113.78").status == 303
    assert use_password_grant(nodes[1], client, PASSWORD).status == 200


def test_a_clock_that_was_ahead_makes_nobody_wait_longer_than_the_longest_wait(node: Provider, clock: Any) -> None:
    clock.shift(86400)
    guess(node)
    clock.shift(-86400)
    assert log_in(node).status == 303


# --- switched off


@pytest.mark.parametrize("switched_off", ["ACCOUNT", "ADDRESS"])
def test_nought_switches_one_of_them_off(tmp_path: Path, sqlite_uri: str, clock: Any, switched_off: str) -> None:
    small = {f"OAUTH2_LOGIN_TRIES_PER_{name}": 2 for name in ("ACCOUNT", "ADDRESS")}
    settings = {**PRODUCTION, **small, f"OAUTH2_LOGIN_TRIES_PER_{switched_off}": 0}
    with open_provider(tmp_path, sqlite_uri, **settings) as node:
        one_account = guess(node, 4)
        clock.shift(3600)
        one_address = [*guess(node, 1, "a", "192.0.2.1"), *guess(node, 1, "b", "192.0.2.1")]
        one_address += [*guess(node, 1, "c", "192.0.2.1"), *guess(node, 1, "d", "192.0.2.1")]
    free, limited = [422] * 4, [422, 422, 429, 429]
    assert (one_account, one_address) == ((free, limited) if switched_off == "ACCOUNT" else (limited, free))


def test_both_switched_off_nothing_waits(tmp_path: Path, sqlite_uri: str) -> None:
    off = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 0, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 0}
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION, **off) as node:
        assert set(guess(node, 25, address="192.0.2.1")) == {422}
        assert rows(node, "SELECT * FROM oauth2_login_throttle") == []


@pytest.mark.parametrize("name", ["TRIES_PER_ACCOUNT", "TRIES_PER_ADDRESS", "MAX_WAIT_SECONDS"])
def test_a_negative_limit_stops_the_start(tmp_path: Path, sqlite_uri: str, name: str) -> None:
    with (
        pytest.raises(SettingsError, match=f"OAUTH2_LOGIN_{name}"),
        open_provider(tmp_path, sqlite_uri, **PRODUCTION, **{f"OAUTH2_LOGIN_{name}": -1}),
    ):
        pass


def test_the_demo_has_no_waits(application: Flask) -> None:
    provider = Provider(application)
    client = provider.create_client("password")
    provider.create_user()
    answers = [provider.ask_token(client, "password", username="alice", password="wrong") for _ in range(30)]
    assert {(answer.status, answer.error) for answer in answers} == {(400, "invalid_grant")}
    assert provider.ask_token(client, "password", username="alice", password="valid").status == 200
    assert Person(application.test_client()).log_in().status == 303
    assert rows(provider, "SELECT * FROM oauth2_login_throttle") == []
