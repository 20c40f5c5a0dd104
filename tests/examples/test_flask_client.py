"""The Flask client: a person logs in with it, it refreshes and revokes, and believes only Grantwright's answers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.examples.conftest import Example
from tests.support.person import Answer, Person

#: Authlib refreshes a minute before the end: here after two seconds.
LIFETIME = {"OAUTH2_ACCESS_TOKEN_SECONDS": "62"}


@pytest.fixture(scope="module")
def example(start_example: Callable[..., Example]) -> Example:
    return start_example("flask_client", LIFETIME, REDIRECT_URI="http://127.0.0.1:5001/callback")


@pytest.fixture
def address(example: Example) -> str:
    return example.url(5001)


@pytest.fixture
def visitor(address: str) -> Person:
    """A browser at the application."""
    return Person(address)


def come_back(example: Example, visitor: Person, person: Person, **changes: str) -> Answer:
    """Go the whole way from the application's login to its callback, with changes to what the callback is given."""
    answer = example.allow(person, visitor.get("/login").location)
    return visitor.get(f"/callback?{urlencode(answer.query | changes)}")


def is_logged_in(visitor: Person, username: str) -> bool:
    return f'<strong id="username">{username}</strong>' in visitor.get("/").text


def live_grants(example: Example, username: str) -> int:
    """Count what the provider's database says: the grants of a user that were not revoked."""
    query = (
        "SELECT count(*) FROM oauth2_grant JOIN oauth2_subject USING (subject) JOIN oauth2_user"
        " ON oauth2_user.id = oauth2_subject.user_id WHERE username = ? AND revoked_at IS NULL"
    )
    with closing(sqlite3.connect(example.folder / "instance" / "db.sqlite")) as database:
        return int(database.execute(query, (username,)).fetchone()[0])


def test_person_logs_in_refreshes_and_logs_out(example: Example, address: str, page: Page) -> None:
    page.goto(address)
    page.get_by_role("link", name="Log in with Grantwright").click()
    page.get_by_label("name").fill("alice")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.locator("#username")).to_have_text("alice")
    # The provider puts an empty fragment there, so that none of its own is handed on.
    assert page.url.partition("#")[0] == f"{address}/"
    cookie = next(cookie for cookie in page.context.cookies() if cookie["name"] == "flask_client")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")

    until = page.locator("#until").inner_text()
    page.wait_for_timeout(1100)
    page.get_by_role("button", name="Refresh the token").click()
    expect(page.locator("#until")).not_to_have_text(until)
    assert live_grants(example, "alice") == 1

    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("status")).to_contain_text("You're logged out here")
    assert live_grants(example, "alice") == 0
    page.goto(address)
    expect(page.locator("#username")).to_have_count(0)


def test_many_requests_at_once_refresh_once(example: Example, visitor: Person) -> None:
    come_back(example, visitor, example.log_in("bob"))
    time.sleep(2.1)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: is_logged_in(visitor, "bob"), range(8)))

    # A refresh token that was used twice would have ended the grant.
    assert answers == [True] * 8
    assert live_grants(example, "bob") == 1


def test_access_that_was_taken_back_ends_the_login(example: Example, visitor: Person) -> None:
    person = example.log_in("carol")
    come_back(example, visitor, person)
    assert is_logged_in(visitor, "carol")

    example.sign_out_everywhere(person)

    assert "access was removed" in visitor.get("/").text
    assert not is_logged_in(visitor, "carol")


@pytest.mark.parametrize("changes", [{"state": "another"}, {"iss": "https://evil.example"}, {"iss": ""}])
def test_answer_to_another_question_or_of_another_server_is_refused(
    example: Example, visitor: Person, changes: dict[str, str]
) -> None:
    person = example.log_in("dave")

    assert come_back(example, visitor, person, **changes).status == 400
    assert not is_logged_in(visitor, "dave")


def test_link_that_somebody_sends_ends_no_login_and_shows_nothing_of_its_own(example: Example, visitor: Person) -> None:
    come_back(example, visitor, example.log_in("erin"))
    issuer = example.provider.url
    sent = {"error": "invalid_grant", "error_description": "Call 0190 123456", "iss": issuer, "state": "any"}

    answer = visitor.get(f"/callback?{urlencode(sent)}")

    assert answer.status == 400
    assert "0190" not in answer.text
    assert is_logged_in(visitor, "erin")


def test_code_of_somebody_else_cannot_be_put_into_a_login(example: Example, visitor: Person, address: str) -> None:
    thief, person = Person(address), example.log_in("frank")
    stolen = example.allow(person, visitor.get("/login").location).query["code"]

    # The thief has a login of his own under way: his state is right, but his verifier is another one.
    answer = come_back(example, thief, example.log_in("mallory"), code=stolen)

    assert answer.status == 400
    assert not is_logged_in(thief, "frank")


@pytest.mark.parametrize("origin", [{}, {"Origin": "http://127.0.0.1:5000"}, {"Origin": "null"}])
def test_form_of_another_site_logs_nobody_out(example: Example, visitor: Person, origin: dict[str, str]) -> None:
    come_back(example, visitor, example.log_in("grace"))

    assert visitor.post("/logout", {}, **origin).status == 403
    assert is_logged_in(visitor, "grace")


def test_person_who_says_no_is_told_so(example: Example, visitor: Person) -> None:
    person = example.log_in("heidi")
    answer = person.decide(person.get(visitor.get("/login").location), confirm="no")

    back = visitor.get(answer.location)

    assert back.status == 400
    assert "The login failed." in back.text


def test_another_host_name_is_refused(visitor: Person) -> None:
    assert visitor.get("/", Host="evil.example").status == 400


def test_logins_that_were_begun_and_left_do_not_fill_the_cookie(visitor: Person, address: str) -> None:
    for _number in range(40):
        answer = visitor.get(f"{address}/login")

    assert len(answer.headers["Set-Cookie"]) < 4096
