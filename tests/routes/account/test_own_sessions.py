"""The page of one's own sessions: where one is logged in, in words, and ending that (R9)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
import time_machine
from sqlalchemy import text

from tests.support.person import Answer
from tests.support.residents import PASSWORD, Resident, add_user, open_nodes, rows
from tests.support.token_requests import Provider
from tests.support.waiting import seconds
from website.sessions.login_sessions import TOUCH_SECONDS

PAGE = "/account/sessions"
DEVICES = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": "Firefox on Linux",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.5 Mobile/15E148 Safari/604.1": "Safari on iOS",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
    " Safari/537.36": "Chrome on Windows",
    "curl/8.14.1": "curl",
    "x": "Unknown device",
    "": "Unknown device",
    '"><script>alert(1)</script>': "Unknown device",
    "Mozilla " * 200: "Unknown device",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    long = {"OAUTH2_SESSION_SECONDS": 5000, "OAUTH2_SESSION_IDLE_SECONDS": 1000}
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, **long) as opened:
        for name in ("alice", "bob"):
            add_user(opened[0], name)
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table_name in ("oauth2_session", "oauth2_login_throttle"):
            connection.execute(text(f"DELETE FROM {table_name}"))


def enter(node: Provider, username: str = "alice", address: str = "203.0.113.7", agent: str = "") -> Resident:
    browser = Resident(node.application, address, agent or next(iter(DEVICES)))
    assert browser.log_in(username).status == 303
    return browser


def table(page: Answer) -> list[list[str]]:
    """Return the text of each cell of the page's list, row by row."""
    body = page.text.partition("<tbody>")[2].partition("</tbody>")[0]
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL):
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        found.append([" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in cells])
    return found


def ends(page: Answer) -> list[str]:
    """Return where the button of each row leads, in the order of the rows."""
    return re.findall(r'action="([^"]*/end)"', page.text)


def end(browser: Resident, row: int) -> Answer:
    """Press the button of a row."""
    page = browser.get(PAGE)
    return browser.post(ends(page)[row], page.hidden_fields())


def test_sessions_are_listed_by_device_and_address_this_one_first(node: Provider) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        for number, agent in enumerate(DEVICES):
            enter(node, address=f"203.0.113.{number}", agent=agent or " ")
            clock.shift(1)
        own = enter(node, address="2001:db8::7")
        clock.shift(1)
        other = enter(node, address="198.51.100.1")
        page, other_page = own.get(PAGE), other.get(PAGE)
    listed = table(page)
    assert [row[0] for row in listed] == [
        "Firefox on Linux this device",
        "Firefox on Linux",
        *reversed(DEVICES.values()),
    ]
    assert [row[1] for row in listed[:3]] == ["2001:db8::7", "198.51.100.1", "203.0.113.7"]
    assert {row[2] for row in listed} == {row[3] for row in listed} == {"just now"}
    assert page.text.count('title="15 January 2027, 08:00 UTC"') == 2 * len(listed)
    assert [row[4] for row in listed[:2]] == ["Log out", "Log out"]
    assert "Mozilla" not in page.text
    assert "<script>alert" not in page.text
    assert table(other_page)[0][1] == "198.51.100.1"


def test_a_session_that_is_used_rises_and_says_when(node: Provider) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        first, _second = enter(node, address="192.0.2.1"), enter(node, address="192.0.2.2")
        clock.shift(5 * TOUCH_SECONDS)
        first.get("/account")
        own = enter(node, address="192.0.2.3")
        listed = table(own.get(PAGE))
    assert [row[1] for row in listed] == ["192.0.2.3", "192.0.2.1", "192.0.2.2"]
    assert [row[3] for row in listed] == ["just now", "just now", "5 minutes ago"]


def test_nobody_sees_the_sessions_of_another_person(node: Provider) -> None:
    enter(node, "bob", "192.0.2.99")
    page = enter(node).get(PAGE)
    assert len(table(page)) == 1
    assert "192.0.2.99" not in page.text


def test_a_session_that_has_run_out_is_not_listed(node: Provider) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        idle = enter(node, address="192.0.2.1")
        clock.shift(999)
        own = enter(node)
        assert len(table(own.get(PAGE))) == 2
        clock.shift(1)
        assert len(table(own.get(PAGE))) == 1
        assert not idle.is_logged_in()


def test_one_session_is_ended_on_every_node_and_the_others_stay(node: Provider, nodes: list[Provider]) -> None:
    own, lost, kept = enter(node), enter(node, address="192.0.2.1"), enter(node, address="192.0.2.2")
    listed = table(own.get(PAGE))
    row = next(number for number, cells in enumerate(listed) if cells[1] == "192.0.2.1")
    copy = lost.at(nodes[1].application)
    assert copy.is_logged_in()

    answer = end(own, row)

    assert (answer.status, answer.location) == (303, PAGE)
    assert "The device was logged out." in own.get(PAGE).text
    assert [browser.is_logged_in() for browser in (own, lost, kept, copy)] == [True, False, True, False]


def test_ending_ones_own_is_logging_out(node: Provider) -> None:
    own, other = enter(node), enter(node, address="192.0.2.1")
    copy = own.at(node.application)
    answer = end(own, 0)
    assert (answer.status, answer.location) == (303, "/")
    assert "You&#39;re logged out." in own.get("/").text
    assert [browser.is_logged_in() for browser in (own, copy, other)] == [False, False, True]


def test_all_others_are_ended_at_once(node: Provider, nodes: list[Provider]) -> None:
    own = enter(node)
    others = [enter(nodes[number % 2], address=f"192.0.2.{number}") for number in range(3)]
    bob = enter(node, "bob")
    assert own.submit(f"{PAGE}/end_others", PAGE).location == PAGE
    page = own.get(PAGE)
    assert "3 other devices logged out." in page.text
    assert len(table(page)) == 1
    assert "Log out other devices" not in page.text
    assert [browser.is_logged_in() for browser in (own, bob, *others)] == [True, True, False, False, False]


def test_nobody_ends_the_session_of_another_person(node: Provider) -> None:
    alice, bob = enter(node), enter(node, "bob")
    of_bob = ends(bob.get(PAGE))[0]
    answer = alice.post(of_bob, alice.get(PAGE).hidden_fields())
    assert (answer.status, answer.location) == (303, PAGE)
    assert "has ended" not in alice.get(PAGE).text
    assert bob.is_logged_in()
    assert alice.submit(f"{PAGE}/end_others", PAGE).status == 303
    assert bob.is_logged_in()
    assert alice.submit(f"{PAGE}/sign_out_everywhere").status == 303
    assert bob.is_logged_in()


@pytest.mark.parametrize("session", ["x", "x" * 5000, "%00", "'%20OR%201=1--", "../../account"])
def test_a_session_that_is_none_ends_nothing(node: Provider, session: str) -> None:
    own, other = enter(node), enter(node, address="192.0.2.1")
    answer = own.post(f"{PAGE}/{session}/end", own.get(PAGE).hidden_fields())
    assert answer.status in (303, 404, 414)
    assert own.is_logged_in()
    assert other.is_logged_in()


def test_the_page_tells_no_secret_of_a_session(node: Provider) -> None:
    own, other = enter(node), enter(node, address="192.0.2.1")
    page = own.get(PAGE).text
    for browser in (own, other):
        cookie = browser.door.get_cookie("__Host-grantwright", domain="id.example").value  # type: ignore[union-attr]
        assert cookie not in page
    for (token_hash,) in rows(node, "SELECT token_hash FROM oauth2_session"):
        assert token_hash not in page


def test_signing_out_everywhere_asks_first_and_ends_this_one_too(node: Provider) -> None:
    own, other = enter(node), enter(node, address="192.0.2.1")
    assert "Log out everywhere?" in own.get(f"{PAGE}/sign_out_everywhere").text
    assert own.is_logged_in()
    answer = own.submit(f"{PAGE}/sign_out_everywhere")
    assert (answer.status, answer.location) == (303, "/")
    assert "logged out everywhere" in own.get("/").text
    assert not own.is_logged_in()
    assert not other.is_logged_in()
    assert own.log_in().status == 303


@pytest.mark.parametrize(
    "path", [f"{PAGE}/end_others", f"{PAGE}/AAAAAAAAAAAAAAAAAAAAAA/end", "/account/export", "/account/apps/x/revoke"]
)
def test_who_pressed_a_button_too_late_comes_back_to_a_page_after_the_login(node: Provider, path: str) -> None:
    """The login had ended meanwhile: after the next one they stand before the button again, not before an error."""
    own = enter(node)
    token = own.get(PAGE).hidden_fields()
    with node.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_session"))
    sent = own.post(path, token).location
    page = own.post(sent, {**own.get(sent).hidden_fields(), "username": "alice", "password": PASSWORD})
    for _ in range(3):
        if page.status == 303:
            page = own.get(page.location)
    assert page.status == 200


def test_many_sessions_are_listed_in_time(node: Provider) -> None:
    own = enter(node)
    subject = rows(node, "SELECT subject FROM oauth2_session")[0][0]
    present = int(time.time())
    values = ", ".join(
        f"('s{number}', 'h{number}', '{subject}', {present}, {present}, {present}, {present + 5000}, '192.0.2.1', 'x')"
        for number in range(500)
    )
    with node.server.database.engine.begin() as connection:
        columns = "id, token_hash, subject, created_at, auth_time, last_seen_at, expires_at, address, user_agent"
        connection.execute(text(f"INSERT INTO oauth2_session ({columns}) VALUES {values}"))
    began = time.thread_time()  # not of a clock that runs on while others have the processor
    assert len(table(own.get(PAGE))) == 501
    assert time.thread_time() - began < seconds(10)
