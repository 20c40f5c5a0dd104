"""What a client's page may ask about the login: a state that changes with it, and says nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.openid_client import OpenIDClient
from tests.support.person import Person
from tests.support.token_requests import PRODUCTION, Provider

METADATA = "/.well-known/openid-configuration"
FRAME = "/oauth/check_session"
COOKIE = "grantwright_state"
Create = Callable[..., Flask]


def cookie_of(person: Person) -> str:
    cookie = person.door.get_cookie(COOKIE, domain="localhost")  # type: ignore[union-attr]
    return "" if cookie is None else str(cookie.value)


def as_the_frame_computes(client_id: str, origin: str, state: str, session_state: str) -> bool:
    """Do what the frame does (section 4.2), from the standard's words and not from our code."""
    digest, salt = session_state.split(".")
    text = f"{client_id} {origin} {state} {salt}"
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode() == digest


@pytest.fixture
def site(provider: Provider) -> OpenIDClient:
    opened = OpenIDClient.create(provider)
    opened.person.log_in("alice")
    return opened


def test_a_response_brings_a_state_that_the_cookie_bears_out(site: OpenIDClient) -> None:
    answer = site.allow()
    state = answer.query["session_state"]
    assert as_the_frame_computes(site.client.client_id, "https://client.example", cookie_of(site.person), state)
    assert not as_the_frame_computes(site.client.client_id, "https://evil.example", cookie_of(site.person), state)


def test_it_comes_with_every_response_type(site: OpenIDClient) -> None:
    assert site.allow("id_token").fragment["session_state"]
    assert site.allow("code id_token").fragment["session_state"]


def test_each_response_has_another_one(site: OpenIDClient) -> None:
    assert site.allow().query["session_state"] != site.allow().query["session_state"]


def test_it_changes_when_the_login_does(site: OpenIDClient) -> None:
    site.allow()
    before = cookie_of(site.person)
    site.person.log_in("bob")
    site.person.get("/")
    assert cookie_of(site.person) not in ("", before)
    site.person.log_out()
    assert cookie_of(site.person) == ""


def test_a_frame_of_another_site_to_which_no_login_comes_along_ends_nothing(
    site: OpenIDClient, provider: Provider
) -> None:
    site.allow()
    state = cookie_of(site.person)
    for path in (FRAME, "/", "/oauth/authorize"):
        frame = Person(provider.application.test_client())
        frame.door.set_cookie(COOKIE, state, domain="localhost")  # type: ignore[union-attr]
        frame.get(path)
        assert cookie_of(frame) == state


def test_no_error_and_no_plain_oauth_response_has_one(site: OpenIDClient) -> None:
    assert "session_state" not in site.allow(scope="profile").query
    denied = site.person.decide(site.ask(prompt="consent"), "no")
    assert denied.query["error"] == "access_denied"
    assert "session_state" not in denied.query


def test_the_cookie_is_no_login(site: OpenIDClient, provider: Provider) -> None:
    site.allow()
    other = Person(provider.application.test_client())
    other.door.set_cookie(COOKIE, cookie_of(site.person), domain="localhost")  # type: ignore[union-attr]
    assert other.get("/account/apps").status == 303


@pytest.mark.usefixtures("secure_transport_required")
def test_a_script_may_read_it_in_a_frame_of_another_site(create_application: Create) -> None:
    provider = Provider(create_application(**PRODUCTION))
    provider.server.users.create("alice", "correct horse battery staple")
    door = provider.application.test_client()
    page = Person(door).get("https://id.example/")
    fields = {**page.hidden_fields(), "username": "alice", "password": "correct horse battery staple"}
    headers = {"Origin": "https://id.example"}
    assert door.post("https://id.example/", data=fields, headers=headers).status_code == 303
    answer = door.get("https://id.example/", headers={"Accept": "text/html"})
    [cookie] = [text for text in answer.headers.getlist("Set-Cookie") if "_state=" in text]
    assert cookie.startswith("__Host-grantwright_state=")
    assert {"Secure", "Path=/", "SameSite=None"} <= set(cookie.split("; "))
    assert "HttpOnly" not in cookie


def test_anybody_may_show_the_frame_and_nothing_else(provider: Provider) -> None:
    answer = provider.get(FRAME)
    assert answer.status == 200
    assert "X-Frame-Options" not in answer.headers
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors *" in policy
    assert "default-src 'none'" in policy
    other = provider.get("/")
    assert other.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in other.headers["Content-Security-Policy"]


def test_discovery_names_it_and_switched_off_it_is_not_there(provider: Provider, create_application: Create) -> None:
    assert provider.get(METADATA).json["check_session_iframe"].endswith(FRAME)
    without = Provider(create_application(OAUTH2_SPECS={"oidc_session_management": False}))
    assert "check_session_iframe" not in without.get(METADATA).json
    assert without.get(FRAME).status == 404
    site = OpenIDClient.create(without)
    site.person.log_in("alice")
    assert "session_state" not in site.allow().query
    assert cookie_of(site.person) == ""
