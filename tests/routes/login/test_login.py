"""Logging in and out over HTTP: fixation, cookies, forms of other sites, where ``next`` leads (U1, U2, U10 to U12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.one_application import open_application
from tests.support.person import Person, Pkce, read_hidden_fields
from tests.support.token_requests import PRODUCTION

TEMPLATES = Path(__file__).resolve().parents[3] / "website" / "templates"


@pytest.fixture
def person(application: Flask) -> Person:
    return Person(application.test_client())


def cookie_of(person: Person) -> Any:
    return person.door.get_cookie("grantwright")  # type: ignore[union-attr]


def test_any_name_logs_in_and_a_new_one_is_a_new_account(person: Person) -> None:
    assert person.log_in("  Ada   Lovelace ").status == 303
    assert "Ada Lovelace" in person.get("/").text
    assert person.log_in("ada lovelace").status == 303
    assert "Ada Lovelace" in person.get("/").text


@pytest.mark.parametrize("name", ["", " ", "\x7f", "a\tb\u202e", "\u200b", "x" * 151, "x" * 10_000, "\ufdfa" * 150])
def test_a_name_that_cannot_be_is_told_beside_its_field(person: Person, name: str) -> None:
    answer = person.log_in(name)
    assert answer.status in (303, 422)
    assert answer.status == 422 or name.strip() == "a\tb\u202e"


@pytest.mark.parametrize("name", ["\N{GRINNING FACE}", "\u5f20\u4e09", "O'Brien", '"><script>', "{{7*7}}", "a" * 150])
def test_any_printable_name_is_kept_whole_and_shown_escaped(person: Person, name: str) -> None:
    assert person.log_in(name).status == 303
    page = person.get("/").text
    assert "<script>" not in page.replace("<script nonce", "")
    assert name in page or name in ('"><script>', "O'Brien")


def test_a_cookie_that_was_planted_before_the_login_is_useless(application: Flask, person: Person) -> None:
    person.get("/")
    planted = cookie_of(person).value
    person.log_in()
    assert cookie_of(person).value != planted
    attacker = Person(application.test_client())
    attacker.door.set_cookie("grantwright", planted)  # type: ignore[union-attr]
    assert "alice" not in attacker.get("/").text


def test_every_login_has_a_session_of_its_own_and_ends_the_former(application: Flask, person: Person) -> None:
    person.log_in()
    former = cookie_of(person).value
    person.log_in("bob")
    thief = Person(application.test_client())
    thief.door.set_cookie("grantwright", former)  # type: ignore[union-attr]
    assert "alice" not in thief.get("/").text
    assert "bob" in person.get("/").text


def test_logging_out_kills_the_cookie(application: Flask, person: Person) -> None:
    person.log_in()
    former = cookie_of(person).value
    person.log_out()
    thief = Person(application.test_client())
    thief.door.set_cookie("grantwright", former)  # type: ignore[union-attr]
    assert "alice" not in thief.get("/").text


def test_a_get_of_the_logout_page_changes_nothing(person: Person) -> None:
    person.log_in()
    assert person.get("/logout").status == 200
    assert "alice" in person.get("/").text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(person: Person) -> None:
    answer = person.log_in()
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.usefixtures("secure_transport_required")
def test_in_production_the_cookie_is_bound_to_host_and_https(create_application: Callable[..., Flask]) -> None:
    application = create_application(**PRODUCTION)
    cookie = application.test_client().get("/", base_url="https://id.example").headers["Set-Cookie"]
    assert cookie.startswith("__Host-grantwright=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


@pytest.mark.usefixtures("secure_transport_required")
def test_in_production_a_password_is_needed(create_application: Callable[..., Flask]) -> None:
    application = create_application(**PRODUCTION)
    result = application.test_cli_runner().invoke(args=["users", "create", "ada", "--password", "correct horse"])
    assert result.exit_code == 0, result.output

    def status(username: str, password: str) -> int:
        door = application.test_client()
        form = read_hidden_fields(door.get("/", base_url="https://id.example").text)
        fields = {**form, "username": username, "password": password}
        headers = {"Origin": "https://id.example"}
        return int(door.post("/", data=fields, headers=headers, base_url="https://id.example").status_code)

    assert status("ada", "correct horse") == 303
    assert [status("ada", "valid"), status("ada", ""), status("nobody", "valid")] == [422, 422, 422]


def test_every_form_is_refused_without_its_token(application: Flask, person: Person) -> None:
    person.log_in()
    person.create_client()
    server = application.extensions["grantwright"]
    row = server.clients.list_of_owner(server.accounts.subjects.subject_for_user("1")[0])[0].id
    tried = 0
    for rule in application.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.build_only:
            continue
        path = re.sub(r"<any\((\w+)[^>]*>", r"\1", re.sub(r"<int:[^>]+>", "1", rule.rule))
        path = re.sub(r"<[^>]+>", row, path)
        answer = person.post(path, {"confirm": "yes", "username": "mallory"})
        assert answer.status == 400, path
        tried += 1
    assert tried >= 6
    assert "alice" in person.get("/").text
    assert server.clients.find_by_id(row) is not None


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:81", "http://localhost.evil.example"]
)
def test_a_form_from_another_origin_is_refused_even_with_its_token(person: Person, origin: str) -> None:
    fields = {**person.get("/").hidden_fields(), "username": "alice"}
    assert person.post("/", fields, Origin=origin).status == 400
    assert person.post("/", fields, Origin="http://localhost").status == 303


def test_a_form_without_origin_stands_on_its_token(person: Person) -> None:
    assert person.log_in().status == 303


ESCAPES = [
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "https://evil.example", "http:///evil.example", "%2f%2fevil.example", "/%2fevil.example", "/%5cevil.example",
    "/\tevil", "/\n/evil.example", "\t//evil.example", " //evil.example", "/\r\nSet-Cookie:x=y", "javascript:alert(1)",
    "//localhost@evil.example", "/x//../..//evil.example", "", "evil.example", "/%252f%252fevil.example", "/\x7f",
]  # fmt: skip


@pytest.mark.parametrize("target", ESCAPES)
def test_next_never_leaves_the_site(person: Person, target: str) -> None:
    answer = person.log_in(next_page=target)
    assert answer.status == 303
    assert answer.location in ("/", "http://localhost/")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    with open_application(tmp_path_factory.mktemp("instance")) as application:
        yield Person(application.test_client())


@settings(max_examples=40)
@given(target=st.text(alphabet="/\\%25fF:.@evil\t\r\n #?a", min_size=1, max_size=20))
def test_no_next_at_all_leaves_the_site(shared: Person, target: str) -> None:
    location = shared.log_in(next_page=target).location
    assert re.match(r"/(?![/\\])", location), location
    assert not re.search(r"[\t\r\n\\]", location)


def test_next_leads_to_a_page_of_this_site(person: Person) -> None:
    assert person.log_in(next_page="/create_client").location == "/create_client"


def test_no_template_switches_escaping_off() -> None:
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text()
        assert "|safe" not in text.replace(" ", "")
        assert "autoescape" not in text
        assert "style=" not in text
        assert not re.search(r"\son\w+=", text)


def test_a_page_of_another_owner_is_not_found(application: Flask, person: Person) -> None:
    person.log_in()
    person.create_client()
    server = application.extensions["grantwright"]
    row = server.clients.list_of_owner(server.accounts.subjects.subject_for_user("1")[0])[0].id
    mallory = Person(application.test_client())
    mallory.log_in("mallory")
    for page in ("", "/settings", "/try"):
        assert mallory.get(f"/clients/{row}{page}").status == 404
    for page in ("/edit", "/rotate_secret", "/delete"):
        assert mallory.get(f"/clients/{row}{page}").status == 404
        fields = mallory.get("/create_client").hidden_fields()
        assert mallory.post(f"/clients/{row}{page}", fields).status == 404


def test_a_client_can_be_changed_renewed_and_deleted_by_its_owner(application: Flask, person: Person) -> None:
    person.log_in()
    client = person.create_client()
    server = application.extensions["grantwright"]
    row = server.clients.find(client.client_id).id
    form = person.get(f"/clients/{row}/rotate_secret").hidden_fields()
    renewed = person.post(f"/clients/{row}/rotate_secret", form)
    assert renewed.element("client_secret") != client.secret
    for part in ("", "/settings", "/try"):
        assert client.secret not in person.get(f"/clients/{row}{part}").text
    assert person.ask(client, **Pkce().parameters).status == 200
    person.post(f"/clients/{row}/delete", person.get(f"/clients/{row}/delete").hidden_fields())
    assert person.ask(client, **Pkce().parameters).status == 400
