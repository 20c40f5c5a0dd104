"""Pages that ask for a single decision: no navigation, the account in use, and a way to another one."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.every_page import show_device
from tests.support.person import Answer, Person, Pkce, RegisteredClient, read_hidden_fields
from tests.support.token_requests import PRODUCTION

SWITCH = re.compile(r'<a href="([^"]+)">Switch account</a>')


@pytest.fixture
def person(application: Flask) -> Person:
    person = Person(application.test_client())
    person.log_in("alice")
    return person


def switch_account(person: Person, page: Answer, username: str) -> Answer:
    """Follow the link of a page, log in as somebody else, and return what comes then."""
    [address] = SWITCH.findall(page.text)
    login = person.get(html.unescape(address))
    [action] = re.findall(r'<form method="post" action="(?!/language)([^"]+)"', login.text)
    answer = person.post(html.unescape(action), {**login.hidden_fields(), "username": username})
    assert answer.status == 303
    return person.get(answer.location)


@pytest.fixture
def client(person: Person) -> RegisteredClient:
    return person.create_client(scope="openid profile")


def test_a_page_that_asks_for_a_decision_has_no_navigation(person: Person, client: RegisteredClient) -> None:
    pages = {
        "consent": person.ask(client, scope="profile", **Pkce().parameters),
        "device": person.get(show_device(person)),
        "code": person.get("/device"),
        "end session": person.get("/oauth/logout"),
        "logout": person.get("/logout"),
        "error": person.get("/oauth/authorize?client_id=unknown"),
        "not found": person.get("/nowhere"),
        "login": person.get("/?again=1"),
    }
    assert [name for name, page in pages.items() if "<nav" in page.text or "<h1" not in page.text] == []
    assert "<nav" in person.get("/account").text


@pytest.mark.parametrize("prompt", [None, "login", "consent", "select_account"])
def test_another_account_can_be_chosen_and_the_request_goes_on(
    person: Person, client: RegisteredClient, prompt: str | None
) -> None:
    page = person.ask(client, scope="openid profile", state="kept", prompt=prompt, **Pkce().parameters)
    if page.status == 302:
        login = person.get(page.location)
        page = person.post(page.location, {**login.hidden_fields(), "username": "alice"})
        page = person.get(page.location)
    assert "Logged in as <strong>alice</strong>" in page.text
    page = switch_account(person, page, "bob")

    assert "Logged in as <strong>bob</strong>" in page.text
    answer = person.decide(page)
    assert answer.query["code"]
    assert answer.query["state"] == "kept"


def test_looking_at_the_other_login_changes_nothing(person: Person, client: RegisteredClient) -> None:
    page = person.ask(client, scope="profile", **Pkce().parameters)
    [address] = SWITCH.findall(page.text)
    person.get(html.unescape(address))

    assert person.decide(page).query["code"]


def test_a_device_can_be_connected_to_another_account(person: Person) -> None:
    page = switch_account(person, person.get(show_device(person)), "bob")

    assert "Connect a device" in page.text  # whoever logs in enters the code himself
    page = person.post("/device", page.hidden_fields() | {"user_code": page_value(page, "user_code")})
    assert "Logged in as <strong>bob</strong>" in person.get(page.location).text


def page_value(page: Answer, field: str) -> str:
    [value] = re.findall(rf'name="{field}"[^>]*value="([^"]*)"', page.text)
    return str(value)


def test_a_page_that_does_not_exist_is_one_line_and_one_link(person: Person) -> None:
    main = person.get("/nowhere").text.partition("<main")[2].partition("</main>")[0]
    assert "The URL is mistyped, or the page is gone." in main
    assert re.findall(r"<a [^>]*>([^<]+)</a>", main) == ["Home"]
    assert "<dl" not in main


def test_the_list_of_errors_is_found_with_a_slash_too(person: Person) -> None:
    answer = person.get("/errors/")
    assert (answer.status, answer.location) == (301, "/errors")


@pytest.mark.usefixtures("secure_transport_required")
def test_after_a_wrong_password_the_cursor_is_in_its_field_and_the_problem_is_told_once(
    create_application: Callable[..., Flask],
) -> None:
    door = create_application(**PRODUCTION).test_client()
    form = read_hidden_fields(door.get("/", base_url="https://id.example").text)
    fields = {**form, "username": "ada", "password": "wrong"}
    headers = {"Origin": "https://id.example"}
    page = door.post("/", data=fields, headers=headers, base_url="https://id.example").text

    [field] = re.findall(r"<input[^>]*\bautofocus[^>]*>", page)
    assert 'name="password"' in field
    assert "password-error" in field
    assert page.count("Wrong username or password.") == 1
