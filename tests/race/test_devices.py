"""Devices tried by many at once, on two nodes (D2, X4): one of them redeems a code, one person decides on it.

Wrong user codes are counted for all nodes together, however many arrive at one moment.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.race.conftest import Field
from tests.race.volley import SHOTS, Shot, post
from tests.support.device_flow import (
    DEVICE_CODE,
    DEVICE_DECISION,
    DEVICE_PAGE,
    allow,
    create_device_client,
    enter,
    page_of,
    start_device,
)
from tests.support.person import Person
from tests.support.token_requests import TOKEN
from website.grants.user_code_guesses import ACCOUNT, LIMITS

SHORT_AND_LONG = pytest.mark.parametrize("races", [10, pytest.param(200, marks=pytest.mark.soak)])


def log_in(field: Field, node: int, username: str) -> Person:
    """Return a person with a browser at one of the nodes."""
    person = Person(field.nodes[node].url)
    assert person.log_in(username).status == 303
    return person


def form(person: Person, path: str, **fields: str) -> bytes:
    """Return the form of a page as its person's browser sends it, as often as one likes."""
    hidden = person.get(path).hidden_fields()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in person.session.cookies)
    address = DEVICE_DECISION if "confirm" in fields else DEVICE_PAGE
    return post(address, {**hidden, **fields}, {"Cookie": cookies, "Accept": "text/html"})


def outcomes(shots: list[Shot]) -> Counter[str]:
    return Counter(shot.outcome for shot in shots)


@pytest.fixture(autouse=True)
def forget_guesses_of_others(field: Field) -> None:
    forget_guesses(field)


def forget_guesses(field: Field) -> None:
    with field.third.server.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM oauth2_user_code_guess")


@SHORT_AND_LONG
def test_of_many_polls_for_one_allowed_device_exactly_one_gets_tokens(field: Field, races: int) -> None:
    client = create_device_client(field.third)
    person = field.log_in()
    with field.battery() as battery:
        for _ in range(races):
            codes = start_device(field.third, client)
            allow(person, codes["user_code"])
            fields = {"grant_type": DEVICE_CODE, "device_code": codes["device_code"], "client_id": client.client_id}
            shots = battery.fire(post(TOKEN, fields))
            counted = outcomes(shots)
            assert counted.pop("200") == 1
            assert set(counted) <= {"400 slow_down", "400 invalid_grant"}
    counts = "SELECT count(*) FROM oauth2_grant WHERE client = :client"
    assert field.number(counts, client=client.row) == races


@SHORT_AND_LONG
def test_of_two_people_who_enter_one_code_at_once_one_decides(field: Field, races: int) -> None:
    client = create_device_client(field.third)
    people = [log_in(field, 0, "alice"), log_in(field, 1, "bob")]
    with field.battery() as battery:
        for _ in range(races):
            code = start_device(field.third, client)["user_code"]
            entered = battery.fire([form(person, DEVICE_PAGE, user_code=code) for person in people])
            assert sorted(shot.status for shot in entered) == [303, 422]
            winner = people[[shot.status for shot in entered].index(303)]
            # Both answers of the winner, sixteen times each, of which one counts.
            yes, no = (form(winner, page_of(code), confirm=answer) for answer in ("yes", "no"))
            assert outcomes(battery.fire([yes, no] * (SHOTS // 2))) == {"303": SHOTS}
            forget_guesses(field)
    events = "SELECT count(*) FROM oauth2_event WHERE client = :client AND event IN ('device_allowed', 'device_denied')"
    assert field.number(events, client=client.row) == races
    decided = (
        "SELECT count(*) FROM oauth2_device_code WHERE client = :client AND (subject IS NULL) != (denied_at IS NULL)"
    )
    assert field.number(decided, client=client.row) == races


def test_parallel_guesses_gain_nothing_and_the_right_code_is_refused_after_them(field: Field) -> None:
    client = create_device_client(field.third)
    guesser = log_in(field, 0, "mallory")
    waiting = start_device(field.third, client)["user_code"]
    with field.battery() as battery:
        # Of all addresses it's the same one here, so the limit of its address is reached with that of the account.
        shots = battery.fire(form(guesser, DEVICE_PAGE, user_code="BBBB-BBBB"))
        assert outcomes(shots) == {"422": LIMITS[ACCOUNT], "429": SHOTS - LIMITS[ACCOUNT]}
        right = battery.fire(form(guesser, DEVICE_PAGE, user_code=waiting))
        assert outcomes(right) == {"429": SHOTS}
    forget_guesses(field)
    person = field.log_in("carol")
    assert enter(person, waiting).status == 303
