"""Redirect URIs of a request: to the character, but for the port of a loopback name, which needs PKCE (RFC 8252)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.openid_client import NONCE
from tests.support.person import Answer, Person, Pkce, code_of
from tests.support.token_requests import MachineClient, Provider

Create = Callable[..., Flask]


@pytest.fixture
def person(provider: Provider) -> Person:
    person = Person(provider.application.test_client())
    person.log_in()
    return person


def create(provider: Provider, *uris: str, **metadata: Any) -> MachineClient:
    chosen = {"token_endpoint_auth_method": "none", "response_types": ["code"], **metadata}
    policy = chosen.pop("policy", {})
    return provider.create_client(
        "authorization_code", "implicit", redirect_uris=list(uris), scope="openid profile", policy=policy, **chosen
    )


def ask(person: Person, client: MachineClient, uri: str, **parameters: str | None) -> Answer:
    return person.ask(client.client_id, redirect_uri=uri, scope="openid", **{**Pkce().parameters, **parameters})


MATCHING = [
    ("http://localhost:33418/cb", "http://localhost:59656/cb"),
    ("http://localhost/callback", "http://localhost:59656/callback"),
    ("http://localhost:8000", "http://localhost:18000"),
    ("http://localhost:8085/auth/callback", "http://localhost/auth/callback"),
    ("http://127.0.0.1:33418/", "http://127.0.0.1:1024/"),
    ("http://[::1]/cb?x=1", "http://[::1]:65535/cb?x=1"),
]
DIFFERING = [
    ("http://localhost/cb", "http://127.0.0.1/cb"),
    ("http://127.0.0.1/cb", "http://localhost:80/cb"),
    ("http://[::1]/cb", "http://127.0.0.1:8/cb"),
    ("http://localhost/cb", "http://localhost:8/cb/"),
    ("http://localhost/cb", "http://localhost:8/cb?x=1"),
    ("http://localhost/cb?x=1", "http://localhost:8/cb?x=2"),
    ("http://localhost/cb", "http://localhost:8/CB"),
    ("http://localhost/cb", "http://LOCALHOST:8/cb"),
    ("http://localhost/cb", "https://localhost:8/cb"),
    ("http://localhost/cb", "http://localhost:99999/cb"),
    ("http://localhost/cb", "http://localhost:8@evil.example/cb"),
    ("http://localhost/cb", "http://localhost:8:9/cb"),
    ("http://localhost/cb", "http://localhost.evil.example:8/cb"),
    ("http://localhost/cb", "http://localhost:8/cb#x"),
    ("http://localhost/cb", "http://localhost:8\\.evil.example/cb"),
    ("https://client.example/cb", "https://client.example:8443/cb"),
    ("https://localhost/cb", "https://localhost:8443/cb"),
    ("com.example.app://localhost/cb", "com.example.app://localhost:8/cb"),
]


@pytest.mark.parametrize(("registered", "asked"), MATCHING)
def test_a_loopback_name_matches_on_any_port(provider: Provider, person: Person, registered: str, asked: str) -> None:
    client = create(provider, "https://client.example/", registered)
    pkce = Pkce()
    page = ask(person, client, asked, **pkce.parameters)
    assert page.status == 200, page.text
    answer = person.decide(page)
    assert answer.location.startswith(asked)
    fields = {"code": code_of(answer), "redirect_uri": asked, "code_verifier": pkce.verifier}
    assert provider.get_token(client, "authorization_code", **fields)["access_token"]


@pytest.mark.parametrize(("registered", "asked"), DIFFERING)
def test_nothing_else_may_differ(provider: Provider, person: Person, registered: str, asked: str) -> None:
    answer = ask(person, create(provider, registered), asked)
    assert answer.status == 400
    assert not answer.location


def test_the_consent_page_says_that_it_is_an_app_on_this_computer(provider: Provider, person: Person) -> None:
    page = ask(person, create(provider, "http://localhost/cb"), "http://localhost:5/cb")
    assert "localhost:5 (an app on this computer)" in page.text


@pytest.mark.parametrize("policy", [{}, {"pkce_required": False}])
@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_another_port_needs_pkce_whatever_the_policy(create_application: Create, method: str, policy: Any) -> None:
    provider = Provider(create_application(OAUTH2_PKCE_REQUIRED_FOR="public"))
    person = Person(provider.application.test_client())
    person.log_in()
    client = create(provider, "http://localhost/cb", token_endpoint_auth_method=method, policy=policy)
    without = {"code_challenge": None, "code_challenge_method": None, "nonce": NONCE}
    answer = ask(person, client, "http://localhost:8123/cb", **without)
    assert answer.query["error"] == "invalid_request"
    assert "code_challenge" in answer.query["error_description"]
    if method != "none":
        assert ask(person, client, "http://localhost/cb", **without).status == 200


@pytest.mark.parametrize("kind", ["id_token", "token", "id_token token"])
def test_what_has_no_code_keeps_to_the_registered_port(provider: Provider, person: Person, kind: str) -> None:
    client = create(provider, "http://localhost:8000/cb", response_types=[kind])
    assert ask(person, client, "http://localhost:8000/cb", response_type=kind, nonce=NONCE).status == 200
    answer = ask(person, client, "http://localhost:8001/cb", response_type=kind, nonce=NONCE)
    assert answer.status in (302, 303)
    assert "token=" not in answer.location


def test_a_client_that_its_operator_calls_web_listens_on_its_own_port(provider: Provider, person: Person) -> None:
    client = create(provider, "http://localhost:8000/cb", application_type="web")
    assert ask(person, client, "http://localhost:8000/cb").status == 200
    assert ask(person, client, "http://localhost:8001/cb").status == 400


@pytest.mark.parametrize("policy", [{"is_self_registered": True}, {"registration_token_hash": "0" * 64}])
def test_a_client_that_calls_itself_web_decides_nothing(provider: Provider, person: Person, policy: Any) -> None:
    client = create(provider, "http://localhost:8000/cb", application_type="web", policy=policy)
    assert ask(person, client, "http://localhost:8001/cb").status == 200


@pytest.mark.parametrize("kind", ["native", None])
def test_other_kinds_take_any_port(provider: Provider, person: Person, kind: str | None) -> None:
    more = {} if kind is None else {"application_type": kind}
    assert ask(person, create(provider, "http://127.0.0.1/cb", **more), "http://127.0.0.1:8001/cb").status == 200


@pytest.mark.parametrize("policy", [{}, {"is_first_party": True}])
def test_on_a_scheme_that_every_program_may_claim_nothing_is_given_without_a_page(
    provider: Provider, person: Person, policy: dict[str, bool]
) -> None:
    uri = "cursor://anysphere.cursor-mcp/oauth/callback"
    client = create(provider, uri, token_endpoint_auth_method="client_secret_basic", policy=policy)
    for _time in range(2):
        page = ask(person, client, uri)
        assert page.status == 200
        assert "You're asked each time" in page.text
        assert code_of(person.decide(page))
    assert ask(person, client, uri, prompt="none").query["error"] == "consent_required"


def test_an_operator_says_by_page_what_kind_of_client_it_is(provider: Provider, person: Person) -> None:
    more = '{"application_type": "web", "logo_uri": "https://client.example/logo.png"}'
    made = person.create_client(redirect_uri="http://localhost:8000/cb", more=more, scope="openid profile")
    client = provider.server.clients.find_any(made.client_id)
    assert client is not None
    assert client.metadata["application_type"] == "web"
    assert ask(person, MachineClient(made.client_id, None, client.id, ""), "http://localhost:8001/cb").status == 400
