"""The pages of one's own account, in production: claims, the password, the data to take along, the end."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.person import Answer, Person, Pkce
from tests.support.residents import (
    ADDRESS,
    EVERY_CLAIM,
    FIREFOX,
    PASSWORD,
    Resident,
    add_client,
    add_user,
    draw_code,
    open_nodes,
)
from tests.support.token_requests import Provider

#: What people change themselves.
OWN_CLAIMS = {name: value for name, value in EVERY_CLAIM.items() if name != "preferred_username"}
NEW_PASSWORD = "a new staple for the battery"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    with open_nodes(request, tmp_path_factory.mktemp("instance"), request.param, 1) as opened:
        yield opened


@pytest.fixture
def node(nodes: list[Provider]) -> Iterator[Provider]:
    """A node with two accounts, alice and bob."""
    for name in ("alice", "bob"):
        add_user(nodes[0], name, is_operator=True)
    yield nodes[0]
    with nodes[0].server.database.engine.begin() as connection:
        for table in ("oauth2_client", "oauth2_subject", "oauth2_user", "oauth2_event"):
            connection.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def alice(node: Provider) -> Resident:
    browser = Resident(node.application)
    assert browser.log_in().status == 303
    return browser


def save(browser: Resident, **fields: str) -> Answer:
    return browser.submit("/account", **fields)


def value_in(page: Answer, name: str) -> str:
    """Return what a field of the form holds, or which of its options is chosen."""
    chosen = re.search(rf'<select id="{name}".*?<option value="([^"]*)"[^>]* selected', page.text, re.DOTALL)
    if chosen:
        return html.unescape(chosen[1])
    tag = re.search(rf'<input id="{name}"[^>]*>', page.text)
    assert tag, name
    return html.unescape(re.search(r'value="([^"]*)"', tag[0])[1])


def row_of(node: Provider, username: str = "alice"):
    return node.server.users.find_row(username)


# --- claims


def test_every_claim_can_be_changed_and_is_shown(node: Provider, alice: Resident) -> None:
    answer = save(alice, **OWN_CLAIMS)
    assert (answer.status, answer.location) == (303, "/account")
    page = alice.get("/account")
    assert "Saved." in page.text
    assert {name: value_in(page, name) for name in OWN_CLAIMS} == OWN_CLAIMS
    assert {name: getattr(row_of(node), name) for name in OWN_CLAIMS} == OWN_CLAIMS
    assert save(alice, **dict.fromkeys(OWN_CLAIMS, "")).status == 303
    assert {getattr(row_of(node), name) for name in OWN_CLAIMS} == {None}


def test_only_what_was_sent_is_changed(node: Provider, alice: Resident) -> None:
    save(alice, **EVERY_CLAIM)
    save(alice, nickname="Countess of Lovelace")
    row = row_of(node)
    assert (row.nickname, row.name) == ("Countess of Lovelace", EVERY_CLAIM["name"])


def test_nothing_but_claims_can_be_changed_by_a_forged_field(node: Provider, alice: Resident) -> None:
    before = row_of(node)
    forged = {
        "email": "alice@example.org", "email_verified": "1", "phone_number": "+44 20 7946 0000",
        "phone_number_verified": "true", "id": "999", "username": "root", "username_key": "root", "email_key": "x",
        "password_hash": "x", "disabled_at": "1", "created_at": "1", "updated_at": "1", "sub": "x",
    }  # fmt: skip
    assert save(alice, **forged).status == 303
    row = row_of(node)
    assert (row.email_verified, row.phone_number_verified) == (False, False)
    for name in ("id", "username", "username_key", "password_hash", "disabled_at", "created_at"):
        assert getattr(row, name) == getattr(before, name)
    assert row.email_key == "alice@example.org"
    assert alice.is_logged_in()


def test_a_changed_mail_address_is_unverified_and_one_that_stays_is_not(node: Provider, alice: Resident) -> None:
    users, user_id = node.server.users, row_of(node).id
    users.set_claims(user_id, {"email": "alice@example.org"}, {"email_verified": True})
    assert "Verified." in alice.get("/account").text
    save(alice, email="alice@example.org", name="Alice", email_verified="")
    assert row_of(node).email_verified is True
    save(alice, email="ALICE@example.net")
    assert row_of(node).email_verified is False
    assert "Not verified yet." in alice.get("/account").text


def test_what_is_wrong_is_told_beside_its_field_and_nothing_is_lost_or_changed(node: Provider, alice: Resident) -> None:
    save(alice, name="Alice Liddell", email="alice@example.org")
    typed = {"name": "Alice P. Liddell", "email": "alice", "birthdate": "yesterday", "nickname": '"><script>'}
    answer = save(alice, **typed)
    assert answer.status == 422
    assert {name: value_in(answer, name) for name in typed} == typed
    assert answer.text.count('class="field-error"') == 2
    for name in ("email", "birthdate"):
        assert f'<a href="#{name}">' in answer.text
        assert f'aria-describedby="{name}-help {name}-error" aria-invalid="true"' in answer.text
    assert "There are 2 problems" in answer.text
    assert "<title>Error: Account" in answer.text
    assert '"><script>' not in answer.text
    assert (row_of(node).name, row_of(node).email) == ("Alice Liddell", "alice@example.org")


def rows_of(page: Answer) -> dict[str, tuple[str, bool]]:
    """Return what each row says, and whether it's open."""
    found = re.findall(
        r'<details( open)?>.*?row-heading">(.*?)</span>\s*<span class="row-value">(.*?)</span>', page.text, re.DOTALL
    )
    return {html.unescape(heading): (html.unescape(value), bool(is_open)) for is_open, heading, value in found}


def test_each_row_says_what_is_stored_and_opens_while_something_in_it_is_not(node: Provider, alice: Resident) -> None:
    save(alice, name="Alice Liddell", nickname="Al", locality="Oxford", country="UK")
    listed = rows_of(alice.get("/account"))
    assert (listed["Name"], listed["Address"]) == (("Alice Liddell", False), ("Oxford, UK", False))
    assert listed["Phone"] == ("", False)
    listed = rows_of(save(alice, email="alice", locality="London"))
    assert listed["Address"] == ("Oxford, UK", True)
    assert {heading for heading, (_value, is_open) in listed.items() if is_open} == {"Email", "Address"}


def test_another_persons_mail_address_is_refused_however_it_is_written(node: Provider, alice: Resident) -> None:
    bob = Resident(node.application)
    bob.log_in("bob")
    save(bob, email="bob@example.org")
    for taken in ("bob@example.org", "BOB@EXAMPLE.ORG", "ｂｏｂ@example.org"):
        answer = save(alice, email=taken)
        assert answer.status == 422
        assert "Another account has this email address." in answer.text
    assert row_of(node).email is None


def test_what_a_person_typed_is_shown_escaped(alice: Resident) -> None:
    save(alice, name="<b>Alice</b> & {{7*7}}", website="https://example.org/?a=1&b='2'")
    page = alice.get("/account")
    assert value_in(page, "name") == "<b>Alice</b> & {{7*7}}"
    assert "<b>Alice" not in page.text


@pytest.mark.parametrize("name", ["email", "name", "website"])
def test_what_is_written_to_be_long_is_refused_not_failed_at(alice: Resident, name: str) -> None:
    ends = {"email": "@example.org", "name": "", "website": ""}
    starts = {"email": "", "name": "", "website": "https://"}
    for character in ("x", "\ufdfa", "\U0001f600"):
        for length in (100, 240, 5000):
            typed = starts[name] + character * length + ends[name]
            assert save(alice, **{name: typed}).status in (303, 422), (character, length)


# --- the password


def change(browser: Resident, now: str = PASSWORD, new: str = NEW_PASSWORD, again: str | None = None) -> Answer:
    fields = {"password": now, "new_password": new, "new_password_again": new if again is None else again}
    return browser.submit("/account/password", **fields)


def test_a_password_is_changed_by_whoever_knows_the_old_one(node: Provider, alice: Resident) -> None:
    former_hash = row_of(node).password_hash
    former_cookie = alice.door.get_cookie("__Host-grantwright", domain="id.example").value  # type: ignore[union-attr]
    answer = change(alice)
    assert (answer.status, answer.location) == (303, "/account")
    assert "Password changed." in alice.get("/account").text
    assert row_of(node).password_hash not in (former_hash, None)
    cookie = alice.door.get_cookie("__Host-grantwright", domain="id.example").value  # type: ignore[union-attr]
    assert cookie != former_cookie
    statuses = [Resident(node.application).log_in(password=typed).status for typed in (PASSWORD, NEW_PASSWORD)]
    assert statuses == [422, 303]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"now": "wrong " + PASSWORD}, "password", "Wrong password."),
        ({"now": ""}, "password", "Enter your password."),
        ({"again": NEW_PASSWORD + "!"}, "new_password_again", "The passwords don't match."),
        ({"new": "short"}, "new_password", "at least 8 characters"),
        ({"new": "x" * 1025 + "yz"}, "new_password", "at most 1024 bytes"),
        ({"new": ""}, "new_password", "at least 8 characters"),
        ({"new": "aaaaaaaaa"}, "new_password", "too easy to guess"),
    ],
)
def test_a_password_that_cannot_be_changed_so_stays(
    node: Provider, alice: Resident, fields: dict[str, str], field: str, reason: str
) -> None:
    before = row_of(node).password_hash
    answer = change(alice, **fields)
    assert answer.status == 422
    assert reason in answer.element(f"{field}-error")
    for typed in filter(None, {PASSWORD, *fields.values()}):
        assert typed not in answer.text
    assert row_of(node).password_hash == before
    assert alice.is_logged_in()


def test_a_password_is_not_asked_for_by_get(node: Provider, alice: Resident) -> None:
    before = row_of(node).password_hash
    query = f"?password={PASSWORD}&new_password={NEW_PASSWORD}&new_password_again={NEW_PASSWORD}"
    assert alice.get("/account/password" + query.replace(" ", "+")).status == 200
    assert row_of(node).password_hash == before


def test_the_demo_has_no_password_to_change(application: Flask) -> None:
    person = Person(application.test_client())
    person.log_in()
    assert person.get("/account/password").status == 404
    assert "/account/password" not in person.get("/account").text
    assert person.post("/account/password", person.get("/account").hidden_fields()).status == 404


# --- who is not logged in


PAGES = ["/account", "/account/password", "/account/delete", "/account/sessions", "/account/apps",
         "/account/sessions/sign_out_everywhere"]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_logged_in_is_sent_to_the_login_and_back(node: Provider, page: str) -> None:
    stranger = Resident(node.application)
    answer = stranger.get(page)
    assert (answer.status, answer.location) == (303, "/?next=" + page)
    assert stranger.log_in(next_page=page).location == page
    assert stranger.get(page).status == 200


@pytest.mark.parametrize("path", [*PAGES[:3], "/account/export", "/account/sessions/end_others",
                                  "/account/sessions/sign_out_everywhere"])  # fmt: skip
def test_what_a_stranger_posts_changes_nothing(node: Provider, path: str) -> None:
    stranger = Resident(node.application)
    before = row_of(node).password_hash
    token = stranger.get("/").hidden_fields()
    answer = stranger.post(path, {**token, "name": "Mallory", "password": PASSWORD, "new_password": NEW_PASSWORD})
    assert answer.status == 303
    assert answer.location.startswith("/?next=")
    assert (row_of(node).password_hash, row_of(node).name) == (before, None)


# --- the data to take along (P9)


def test_ones_data_come_as_a_file_with_all_that_is_kept_and_no_secret(node: Provider, alice: Resident) -> None:
    save(alice, name="Alice Liddell")
    client = add_client(node)
    code = draw_code(alice, client, Pkce())
    own = alice.create_client(client_name="Alice's Printer")
    bob = Resident(node.application)
    bob.log_in("bob")
    save(bob, name="Bob's own name")

    answer = alice.submit("/account/export", "/account")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="account.json"'
    assert answer.headers["Cache-Control"] == "no-store"
    content = json.loads(answer.text)
    assert content["user"]["name"] == "Alice Liddell"
    assert [row["user_agent"] for row in content["sessions"]] == [FIREFOX]
    assert [row["address"] for row in content["sessions"]] == [ADDRESS]
    assert [row["client"] for row in content["consents"]] == [client.client_id]
    assert [row["client_id"] for row in content["clients"]] == [own.client_id]
    assert {"login", "profile_changed", "consent_granted", "client_created"} <= {
        row["event"] for row in content["events"]
    }
    cookie = alice.door.get_cookie("__Host-grantwright", domain="id.example").value  # type: ignore[union-attr]
    for secret in (code, own.secret, cookie, PASSWORD, "argon2", "_hash", "Bob's own name"):
        assert secret not in answer.text
    assert "Content-Disposition" not in alice.get("/account/export").headers


# --- the end (P9)


def test_an_account_is_deleted_by_whoever_knows_its_password(node: Provider, alice: Resident) -> None:
    elsewhere = Resident(node.application)
    elsewhere.log_in()
    assert alice.submit("/account/delete", password="wrong " + PASSWORD).status == 422
    assert alice.submit("/account/delete").status == 422
    assert row_of(node) is not None

    answer = alice.submit("/account/delete", password=PASSWORD)

    assert (answer.status, answer.location) == (303, "/")
    page = alice.get("/")
    assert "Your account was deleted." in page.text
    assert "Log in" in page.text
    assert not elsewhere.is_logged_in()
    assert row_of(node) is None
    assert Resident(node.application).log_in().status == 422
    assert Resident(node.application).log_in("bob").status == 303


def test_in_production_the_name_alone_deletes_nothing(node: Provider, alice: Resident) -> None:
    assert alice.submit("/account/delete", username="alice").status == 422
    assert row_of(node) is not None


def test_clients_end_with_the_account_that_made_them(node: Provider, alice: Resident) -> None:
    made = alice.create_client(grant_type="client_credentials", response_type="", redirect_uri="")
    alice.submit("/account/delete", password=PASSWORD)
    answer = node.post("/oauth/token", {"grant_type": "client_credentials"}, **made.basic)
    assert answer.status == 401
