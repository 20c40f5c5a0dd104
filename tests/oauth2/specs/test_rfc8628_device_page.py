"""The device page over HTTP: entering a code, deciding, and what stands between a stranger and somebody's device."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.device_flow import (
    DEVICE_DECISION,
    DEVICE_PAGE,
    allow,
    create_device_client,
    decide,
    enter,
    page_of,
    poll,
    start_device,
)
from tests.support.person import Person
from tests.support.residents import Resident, add_user, open_nodes, rows
from tests.support.token_requests import Provider
from website.grants.user_code_guesses import LIMITS
from website.grants.user_codes import ALPHABET, draw_user_code, read_user_code
from website.identifiers import hash_secret

WRONG = "BBBB-BBBB"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("devices"), request.param) as opened:
        for name in ("alice", "bob", "carol"):
            add_user(opened[0], name)
        yield opened


@pytest.fixture(autouse=True)
def forget_guesses(nodes: list[Provider]) -> None:
    with nodes[0].server.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM oauth2_user_code_guess")


def log_in(node: Provider, username: str = "alice", address: str = "203.0.113.7") -> Resident:
    person = Resident(node.application, address)
    assert person.log_in(username).status == 303
    return person


def start(node: Provider, address: str = "203.0.113.7", **metadata: Any) -> str:
    """Have a device at an address ask for codes; return its user code."""
    client = create_device_client(node, **metadata)
    body = {"client_id": client.client_id}
    answer = node.open("POST", "/oauth/device_authorization", data=body, environ_overrides={"REMOTE_ADDR": address})
    return str(answer.json["user_code"])


def read_guesses(node: Provider) -> list[int]:
    return [row[0] for row in rows(node, "SELECT guesses FROM oauth2_user_code_guess")]


# Reading what was typed


@pytest.mark.parametrize(
    "typed", ["WDJB-MJHT", "wdjb-mjht", "wdjbmjht", " WDJB  MJHT ", "W-D-J-B-M-J-H-T", "WDJB–MJHT", "wd8b.mjht"]
)
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert read_user_code(typed) == ("WDBBMJHT" if "8" in typed else "WDJBMJHT")


@pytest.mark.parametrize("typed", ["", "WDJB", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH٣", "W" * 1000, "WDJB MJH\0"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert read_user_code(typed) is None


def test_mistaken_characters_are_read_as_the_letters_that_they_look_like() -> None:
    assert read_user_code("1258-6UII") == "LZSBGVLL"


# Entering a code


def test_who_is_not_logged_in_logs_in_first_and_comes_back_with_the_code(nodes: list[Provider]) -> None:
    code = start(nodes[0])
    person = Resident(nodes[0].application)
    answer = person.get(page_of(code))
    assert answer.status == 303
    assert answer.query["next"] == page_of(code)
    assert "Log in to connect your device." in person.get(answer.location).text
    assert person.log_in(next_page=answer.query["next"].replace("?", "%3F").replace("=", "%3D")).location == page_of(
        code
    )
    assert f'value="{code}"' in person.get(page_of(code)).text


def test_a_scanned_code_is_filled_in_and_looking_at_it_uses_nothing_up(nodes: list[Provider]) -> None:
    code, person = start(nodes[0]), log_in(nodes[0])
    for address in (page_of(code), page_of(code), page_of(WRONG)):
        page = person.get(address)
        assert page.status == 200
        assert 'name="confirm"' not in page.text
    assert read_guesses(nodes[0]) == []
    assert enter(person, code).location == page_of(code)


def test_the_page_names_the_client_the_scopes_the_time_and_both_addresses(nodes: list[Provider]) -> None:
    code, person = start(nodes[0], "198.51.100.4", client_name="Kitchen Radio"), log_in(nodes[0])
    enter(person, code)
    page = person.get(page_of(code))
    for words in ("Kitchen Radio", "See your photos", "198.51.100.4", "203.0.113.7", "alice", code, "UTC"):
        assert words in page.text, words
    assert "the same network" in page.text
    assert "Only allow this if you started it on your device." in page.text
    assert re.findall(r'name="confirm" value="(\w+)"', page.text) == ["no", "yes"]


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::1"])
def test_a_device_in_the_same_network_is_not_called_elsewhere(nodes: list[Provider], address: str) -> None:
    code = start(nodes[0], address)
    person = log_in(nodes[0], address=address.replace("::1", "::2"))
    enter(person, code)
    assert "the same network" not in person.get(page_of(code)).text


def test_first_party_clients_are_asked_about_too_and_no_answer_is_remembered(nodes: list[Provider]) -> None:
    client = create_device_client(nodes[0], policy={"is_first_party": True})
    person = log_in(nodes[0])
    for _ in range(2):
        code = start_device(nodes[0], client)["user_code"]
        allow(person, code)
    assert rows(nodes[0], "SELECT * FROM oauth2_consent WHERE client = :client", client=client.row) == []


@pytest.mark.parametrize("confirm", ["yes", "no"])
def test_a_decision_is_made_once_and_is_an_event(nodes: list[Provider], confirm: str) -> None:
    code, person = start(nodes[0]), log_in(nodes[0])
    enter(person, code)
    page = person.get(page_of(code))
    other = "no" if confirm == "yes" else "yes"
    for answer in (confirm, other):
        person.post(DEVICE_DECISION, {**page.hidden_fields(), "confirm": answer})
    words = {"yes": "Your device is connected", "no": "Your device gets no access"}
    assert words[confirm] in person.get(page_of(code)).text
    events = nodes[0].server.audit.list(events=["device_allowed", "device_denied"], limit=1)
    assert events[0].event == {"yes": "device_allowed", "no": "device_denied"}[confirm]
    assert events[0].detail == {"scope": "profile photos", "device_address": "203.0.113.7"}


def test_a_client_that_changed_its_name_meanwhile_is_shown_again(nodes: list[Provider]) -> None:
    client = create_device_client(nodes[0])
    code, person = start_device(nodes[0], client)["user_code"], log_in(nodes[0])
    enter(person, code)
    page = person.get(page_of(code))
    nodes[0].server.clients.update(client.row, {"client_name": "Your Bank"})
    person.post(DEVICE_DECISION, {**page.hidden_fields(), "confirm": "yes"})
    assert "Your Bank" in person.get(page_of(code)).text
    assert 'name="confirm"' in person.get(page_of(code)).text


def test_a_decision_without_the_forms_token_changes_nothing(nodes: list[Provider]) -> None:
    code, person = start(nodes[0]), log_in(nodes[0])
    enter(person, code)
    hidden = {**person.get(page_of(code)).hidden_fields(), "confirm": "yes"}
    assert person.post(DEVICE_DECISION, {**hidden, "csrf_token": ""}, Origin="https://evil.example").status == 400
    assert person.post(DEVICE_DECISION, hidden, Origin="https://evil.example").status == 400
    assert 'name="confirm"' in person.get(page_of(code)).text


def test_the_page_is_open_to_no_other_origin(nodes: list[Provider]) -> None:
    answer = log_in(nodes[0]).get(DEVICE_PAGE, Origin="https://client.example")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["X-Frame-Options"] == "DENY"


# Two people, two nodes


def test_two_people_cannot_approve_one_code(nodes: list[Provider]) -> None:
    code = start(nodes[0])
    alice, bob = log_in(nodes[0]), log_in(nodes[1], "bob", "198.51.100.9")
    assert enter(alice, code).status == 303
    assert enter(bob, code).status == 422
    hidden = alice.get(page_of(code)).hidden_fields()
    theirs = bob.get(DEVICE_PAGE).hidden_fields()
    bob.post(DEVICE_DECISION, {**hidden, **theirs, "confirm": "yes"})
    assert 'name="confirm"' not in bob.get(page_of(code)).text
    decide(alice, code)
    assert "Your device is connected" in alice.get(page_of(code)).text


def test_the_same_person_in_another_browser_cannot_take_a_code_over_until_the_first_logs_out(
    nodes: list[Provider],
) -> None:
    code, computer, phone = start(nodes[0]), log_in(nodes[0]), log_in(nodes[1])
    enter(computer, code)
    assert enter(phone, code).status == 422
    computer.log_out()
    allow(phone, code)


def test_after_the_limit_the_right_code_is_refused_and_other_peoples_go_on(nodes: list[Provider]) -> None:
    first, second = nodes
    found, wanted, others = start(first), start(first), start(first)
    mallory, bob = log_in(first, "carol", "192.0.2.66"), log_in(second, "bob", "198.51.100.9")
    enter(mallory, found)
    for number in range(LIMITS["account"]):
        assert enter(mallory.at(nodes[number % 2].application), WRONG).status == 422
    for node in nodes:
        answer = enter(mallory.at(node.application), wanted)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        assert "Too many wrong codes" in answer.text
    decide(mallory, found)  # its page was there before
    allow(bob, others)
    allow(bob, wanted)  # it waits for whom it's for
    assert rows(first, "SELECT count(*) FROM oauth2_event WHERE event = 'user_codes_throttled'")[0][0] > 0


@pytest.mark.usefixtures("stopped_clock")
def test_an_account_is_throttled_at_every_address_and_an_address_for_every_account(nodes: list[Provider]) -> None:
    code = start(nodes[0])
    for number in range(LIMITS["account"]):
        assert enter(log_in(nodes[0], "carol", f"192.0.2.{number}"), WRONG).status == 422
    assert enter(log_in(nodes[0], "carol", "192.0.2.100"), code).status == 429
    for _ in range(LIMITS["address"] - 1):
        assert enter(log_in(nodes[0], "alice", "192.0.2.1"), WRONG).status == 422
    assert enter(log_in(nodes[0], "bob", "192.0.2.1"), code).status == 429
    allow(log_in(nodes[0], "bob", "192.0.2.101"), code)


def test_the_whole_server_has_a_limit_that_pages_already_found_do_not_feel(nodes: list[Provider]) -> None:
    found, code, person = start(nodes[0]), start(nodes[0]), log_in(nodes[0])
    enter(person, found)
    key_hash = hash_secret("user code everybody:")
    enter(person, WRONG)
    with nodes[0].server.database.engine.begin() as connection:
        most = LIMITS["everybody"]
        connection.exec_driver_sql(f"UPDATE oauth2_user_code_guess SET guesses = {most} WHERE key_hash = '{key_hash}'")
    assert enter(log_in(nodes[1], "bob", "198.51.100.9"), code).status == 429
    decide(person, found)
    assert "Your device is connected" in person.get(page_of(found)).text


def test_right_codes_and_what_cannot_be_one_are_not_counted(nodes: list[Provider]) -> None:
    person = log_in(nodes[0])
    for _ in range(2 * LIMITS["account"]):
        allow(person, start(nodes[0]))
        assert enter(person, "nonsense").status == 422
    assert set(read_guesses(nodes[0])) == {0}


def test_a_guess_is_forgotten_after_a_minute(nodes: list[Provider]) -> None:
    person, code = log_in(nodes[0]), start(nodes[0])
    for _ in range(LIMITS["account"]):
        enter(person, WRONG)
    assert enter(person, code).status == 429
    with nodes[0].server.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE oauth2_user_code_guess SET expires_at = expires_at - 61")
    allow(person, code)


def test_codes_are_drawn_evenly() -> None:
    drawn = "".join(draw_user_code() for _ in range(2000))
    assert {letter: 600 < drawn.count(letter) < 1000 for letter in ALPHABET} == dict.fromkeys(ALPHABET, True)


def test_a_device_polls_through_it_all(nodes: list[Provider]) -> None:
    client = create_device_client(nodes[0])
    codes = start_device(nodes[0], client)
    assert poll(nodes[1], client, codes["device_code"]).error == "authorization_pending"
    person: Person = log_in(nodes[0])
    allow(person, codes["user_code"])
    with nodes[0].server.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE oauth2_device_code SET polled_at = polled_at - 60")
    assert poll(nodes[1], client, codes["device_code"]).status == 200
