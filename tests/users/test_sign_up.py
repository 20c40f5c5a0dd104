"""Open sign-up: the address first, by a link; nobody learns which addresses have accounts; clients can ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from tests.support.commands import run, run_for_json
from tests.support.mail_server import LINK, MailServer, open_mail_server, plain_of
from tests.support.person import Answer, Pkce
from tests.support.residents import PASSWORD, REDIRECT_URI, Resident, add_client, add_user, rows
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.users.login_throttle import RECEIVER_TRIES

OPEN = {"OAUTH2_JOINING": "open", "OAUTH2_SENDS_NOTICES": False}
SENT = "Check your email"
TOKEN_FIELD = re.compile(r'name="csrf_token" value="[^"]+"')


@contextmanager
def open_node(folder: Path, uri: str, mail: MailServer, **settings: Any) -> Iterator[Provider]:
    with open_provider(folder, uri, **{**PRODUCTION, **mail.settings, **OPEN, **settings}) as opened:
        yield opened


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with open_mail_server(tmp_path / "mail") as opened:
        yield opened


@pytest.fixture
def node(tmp_path: Path, database_uri: str, mail: MailServer) -> Iterator[Provider]:
    with open_node(tmp_path, database_uri, mail) as opened:
        yield opened


def sign_up(browser: Resident, address: str, page: str = "/sign_up") -> Answer:
    return browser.post(page, {**browser.get(page).hidden_fields(), "email": address})


def link_sent(node: Provider, mail: MailServer) -> str:
    """Return path and query of the link in the latest email."""
    node.server.mail.sender.run_once()
    links = [link for message in mail.messages for link in LINK.findall(plain_of(message))]
    found = [link for link in links if "/join" in link][-1]
    parts = urlsplit(found)
    return f"{parts.path}?{parts.query}"


def join(browser: Resident, link: str, username: str = "ann") -> Answer:
    page = browser.get(link)
    action = unescape(page.text.partition('action="')[2].partition('"')[0])
    return browser.post(action, {**page.hidden_fields(), "username": username, "new_password": PASSWORD})


def add_alice(node: Provider) -> None:
    add_user(node)
    run(node, "users", "set", "alice", "--email", "alice@people.example", "--email-verified")


def test_a_verified_address_makes_an_account(node: Provider, mail: MailServer) -> None:
    browser = Resident(node.application)
    assert "/sign_up" in browser.get("/").text
    assert SENT in sign_up(browser, "Ann@people.example").text
    assert rows(node, "SELECT count(*) FROM oauth2_user") == [(0,)]
    link = link_sent(node, mail)
    assert (mail.messages[-1]["To"], mail.messages[-1]["Subject"]) == ("Ann@people.example", "Create your account")
    assert join(browser, link).location == "/"
    assert browser.is_logged_in()
    shown = run_for_json(node, "users", "show", "ann", "--json")
    assert (shown["email"], shown["email_verified"]) == ("Ann@people.example", True)
    assert Resident(node.application).get(link).status == 410
    assert run_for_json(node, "invitations", "list", "--json") == []


def test_no_email_tells_of_the_device_that_somebody_joined_with(
    tmp_path: Path, sqlite_uri: str, mail: MailServer
) -> None:
    with open_node(tmp_path, sqlite_uri, mail, OAUTH2_SENDS_NOTICES=True) as node:
        browser = Resident(node.application)
        sign_up(browser, "ann@people.example")
        mail.wait_for(1)  # a thread of the node's sends it
        assert join(browser, link_sent(node, mail)).status == 303
        assert [message["Subject"] for message in mail.messages] == ["Create your account"]
        assert Resident(node.application).log_in("ann").status == 303
        assert len(mail.wait_for(2)) == 2


def test_the_email_is_in_the_language_of_the_page(node: Provider, mail: MailServer) -> None:
    browser = Resident(node.application)
    fields = {**browser.get("/sign_up").hidden_fields(), "email": "ann@people.example"}
    browser.post("/sign_up", fields, Accept_Language="de")
    node.server.mail.sender.run_once()
    assert mail.messages[-1]["Subject"] != "Create your account"


def test_the_answer_is_the_same_whether_or_not_an_address_has_an_account(node: Provider, mail: MailServer) -> None:
    add_alice(node)
    answers = [
        sign_up(Resident(node.application), address) for address in ("alice@people.example", "nobod@people.example")
    ]
    assert {answer.status for answer in answers} == {200}
    assert len({TOKEN_FIELD.sub("", answer.text.replace("alice@", "nobod@")) for answer in answers}) == 1
    node.server.mail.sender.run_once()
    told = {str(message["To"]): plain_of(message) for message in mail.messages}
    assert "already has one" in told["alice@people.example"]
    assert "/join" not in told["alice@people.example"]
    assert "/join?token=" in told["nobod@people.example"]


def test_only_listed_domains_may_sign_up(tmp_path: Path, sqlite_uri: str, mail: MailServer) -> None:
    with open_node(tmp_path, sqlite_uri, mail, OAUTH2_JOINING_DOMAINS=["people.example"]) as node:
        refused = sign_up(Resident(node.application), "ann@people.example.evil.example")
        assert refused.status == 422
        assert "people.example" in refused.text
        assert sign_up(Resident(node.application), "not an address").status == 422
        assert SENT in sign_up(Resident(node.application), "ann@PEOPLE.example").text


@pytest.mark.usefixtures("stopped_clock")
def test_emails_are_throttled_by_address_and_network(tmp_path: Path, sqlite_uri: str, mail: MailServer) -> None:
    limits = {"OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 0, "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 4}
    with open_node(tmp_path, sqlite_uri, mail, **limits) as node:
        ways = [Resident(node.application, f"203.0.113.{number}") for number in range(RECEIVER_TRIES + 1)]
        statuses = [sign_up(browser, "ann@people.example").status for browser in ways]
        assert (statuses[0], statuses[-1]) == (200, 429)
        browser = Resident(node.application, "198.51.100.9")
        statuses = [sign_up(browser, f"person{number}@people.example").status for number in range(6)]
        assert (statuses[0], statuses[-1]) == (200, 429)


def test_a_client_asks_for_a_new_account_and_the_flow_goes_on(node: Provider, mail: MailServer) -> None:
    add_alice(node)
    client, pkce = add_client(node), Pkce()
    discovery = node.application.test_client().get("/.well-known/openid-configuration", base_url="https://id.example")
    assert "create" in discovery.json["prompt_values_supported"]
    browser = Resident(node.application)
    browser.log_in()  # as somebody else
    asked = {"response_type": "code", "client_id": client.client_id, "redirect_uri": REDIRECT_URI, "scope": "profile"}
    query = "&".join(f"{name}={value}" for name, value in {**asked, **pkce.parameters, "prompt": "create"}.items())
    page = browser.get(f"/oauth/authorize?{query}").location
    assert page.startswith("/sign_up?next=")
    assert SENT in sign_up(browser, "ann@people.example", page).text
    joined = join(browser, link_sent(node, mail))
    assert joined.location.startswith("/oauth/authorize?")
    consent = browser.get(joined.location)
    assert consent.status == 200
    assert ">ann<" in consent.text
    assert parse_qs(urlsplit(joined.location).query)


def test_create_is_unknown_where_nobody_signs_up(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        discovery = node.application.test_client().get(
            "/.well-known/openid-configuration", base_url="https://id.example"
        )
        assert "create" not in discovery.json["prompt_values_supported"]
        assert Resident(node.application).get("/sign_up").status == 404
        with node.server.database.engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM oauth2_invitation")).scalar() == 0


def test_a_link_ends_with_the_open_sign_up(tmp_path: Path, database_uri: str, mail: MailServer) -> None:
    with open_node(tmp_path, database_uri, mail) as node:
        sign_up(Resident(node.application), "ann@people.example")
        link = link_sent(node, mail)
        sign_up(Resident(node.application), "bob@people.example")
    with open_node(tmp_path, database_uri, mail, OAUTH2_JOINING="invitation") as closed:
        assert Resident(closed.application).get(link).status == 410
        closed.server.mail.sender.run_once()
        assert len(mail.messages) == 1
    with open_node(tmp_path, database_uri, mail) as node:
        assert join(Resident(node.application), link).location == "/"
