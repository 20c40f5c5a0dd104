"""Where another program could pose as a client: whose consent is remembered, and who is asked all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.support.every_page import admit
from tests.support.one_application import open_application
from tests.support.person import Answer, Person, Pkce, code_of
from tests.support.token_requests import PRODUCTION

MODES = {"demo": {}, "production": PRODUCTION | {"OAUTH2_ISSUER": "https://localhost", "PREFERRED_URL_SCHEME": "https"}}
LOOPBACK = ["http://127.0.0.1/cb", "http://localhost:8000/cb", "http://[::1]/cb"]
PRIVATE = "com.example.app:/cb"


@pytest.fixture(scope="module", params=MODES)
def application(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_application(tmp_path_factory.mktemp("loopback"), **MODES[request.param]) as opened:
        yield opened


@pytest.fixture(scope="module")
def person(application: Flask) -> Person:
    somebody = Person(application.test_client())
    admit(somebody, application, "ada")
    return somebody


def create(application: Flask, uri: str, policy: dict[str, Any] | None = None, **metadata: Any) -> str:
    fields = {
        "client_name": "Notes", "redirect_uris": [uri], "grant_types": ["authorization_code"],
        "response_types": ["code"], "scope": "profile", "token_endpoint_auth_method": "none", **metadata,
    }  # fmt: skip
    client, _secret = application.extensions["grantwright"].clients.create(fields, None, **(policy or {}))
    return str(client.client_id)


def ask(person: Person, client_id: str, uri: str, **asked: str) -> Answer:
    return person.ask(client_id, redirect_uri=uri, **Pkce().parameters, **asked)


def is_remembered(person: Person, client_id: str, uri: str) -> bool:
    """Say yes; tell whether it was kept, as the page said and as a silent request finds."""
    page = ask(person, client_id, uri)
    assert page.status == 200
    said = "You can remove access any time" in page.text
    assert said != ("You&#39;re asked each time" in page.text or "You're asked each time" in page.text)
    assert code_of(person.decide(page))
    silent = ask(person, client_id, uri, prompt="none", scope="openid profile")
    silent = ask(person, client_id, uri, prompt="none")
    assert ("code" in silent.query) == said
    assert said or silent.query["error"] == "consent_required"
    return said


@pytest.mark.parametrize("uri", LOOPBACK)
def test_on_loopback_a_yes_is_kept_in_the_demo_and_for_what_an_owner_calls_web(
    application: Flask, person: Person, uri: str
) -> None:
    is_demo = not application.config["SESSION_COOKIE_SECURE"]
    assert is_remembered(person, create(application, uri), uri) == is_demo
    assert is_remembered(person, create(application, uri, application_type="native"), uri) == is_demo
    assert is_remembered(person, create(application, uri, application_type="web"), uri)
    for policy in ({"is_self_registered": True}, {"registration_token_hash": "0" * 64}):
        assert not is_remembered(person, create(application, uri, policy, application_type="web"), uri)


@pytest.mark.parametrize("uri", [*LOOPBACK, PRIVATE, "https://notes.example/cb"])
def test_on_this_device_people_are_asked_whether_they_started_a_client_that_registered_itself(
    application: Flask, person: Person, uri: str
) -> None:
    page = ask(person, create(application, uri, {"is_self_registered": True}), uri).text
    is_elsewhere = uri.startswith("https:")
    assert ("Allow it only if you just started it on this device." in page) is not is_elsewhere
    assert ("Allow it only if you trust <strong>notes.example</strong>." in page) is is_elsewhere
    assert page.count("started it") + page.count("didn&#39;t start it") + page.count("didn't start it") == 1


def test_on_a_scheme_of_its_own_no_yes_is_kept(application: Flask, person: Person) -> None:
    for kind in ("native", "web"):
        assert not is_remembered(person, create(application, PRIVATE, application_type=kind), PRIVATE)


@pytest.mark.parametrize("uri", [*LOOPBACK, PRIVATE])
def test_a_first_party_client_that_others_can_pose_as_is_asked_about_but_in_the_demo(
    application: Flask, person: Person, uri: str
) -> None:
    client_id = create(application, uri, {"is_first_party": True})
    if not application.config["SESSION_COOKIE_SECURE"]:
        assert code_of(ask(person, client_id, uri))
        return
    for _time in range(2):
        assert code_of(person.decide(ask(person, client_id, uri)))
    assert ask(person, client_id, uri, prompt="none").query["error"] == "consent_required"


def test_other_first_party_clients_go_straight_on(application: Flask, person: Person) -> None:
    uri = "https://client.example/cb"
    assert code_of(ask(person, create(application, uri, {"is_first_party": True}), uri))
    loopback = {"token_endpoint_auth_method": "client_secret_basic"}
    assert code_of(ask(person, create(application, LOOPBACK[0], {"is_first_party": True}, **loopback), LOOPBACK[0]))


@pytest.mark.parametrize("uri", LOOPBACK)
def test_the_page_says_that_it_goes_to_an_app_on_this_computer(application: Flask, person: Person, uri: str) -> None:
    assert "an app on this computer" in ask(person, create(application, uri), uri).text


def test_the_login_page_names_the_client_it_is_for(application: Flask) -> None:
    for asked in ({}, {"prompt": "login"}):
        client_id = create(application, "https://client.example/cb", client_name="<b>Photo Press")
        stranger = Person(application.test_client())
        sent = ask(stranger, client_id, "https://client.example/cb", **asked)
        assert "Log in to continue to <strong>&lt;b&gt;Photo Press</strong>" in stranger.get(sent.location).text
    for page in ("/", "/?next=/oauth/authorize?client_id=nobody", "/?next=/account?client_id=" + client_id):
        assert "Photo Press" not in Person(application.test_client()).get(page).text


def test_an_openid_request_names_its_redirect_uri(application: Flask, person: Person) -> None:
    uri = "https://client.example/cb"
    client_id = create(application, uri, scope="openid profile")
    for scope in ("openid", "profile openid"):
        answer = person.ask(client_id, redirect_uri=None, scope=scope, **Pkce().parameters)
        assert (answer.status, answer.location) == (400, "")
        assert "redirect_uri" in answer.text
    assert person.ask(client_id, redirect_uri=None, scope="profile", **Pkce().parameters).status == 200
