"""A scope that cannot be had: the error names it and the reason; offline_access alone is left out instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.person import Person, Pkce, code_of
from tests.support.token_requests import Provider

REFUSED = {
    "photos": "The client may not ask for photos.",
    "paint": "Unknown scope paint.",
    "profile paint photos": "Unknown scope paint.",
    "profile photos paint": "The client may not ask for photos.",
    "profile,photos": "Unknown scope profile,photos. Separate scopes with a space.",
    'a"b': "A scope is malformed. Separate scopes with a space.",
    "\N{SNOWMAN}": "A scope is malformed. Separate scopes with a space.",
    "x" * 101: "A scope is malformed. Separate scopes with a space.",
}


@pytest.mark.parametrize("scope", REFUSED, ids=str.__len__)
def test_a_refused_scope_is_named_with_the_reason_at_the_token_endpoint(provider: Provider, scope: str) -> None:
    client = provider.create_client("password", scope="profile")
    answer = provider.ask_token(client, "password", username="alice", password="valid", scope=scope)
    assert answer.json["error"] == "invalid_scope"
    assert answer.json["error_description"] == REFUSED[scope]


@pytest.mark.parametrize("scope", REFUSED, ids=str.__len__)
def test_a_refused_scope_is_named_with_the_reason_in_a_redirect(
    create_application: Callable[..., Flask], scope: str
) -> None:
    person = Person(create_application(OAUTH2_SCOPES={"profile": "Name", "photos": "Photos"}).test_client())
    person.log_in()
    client = person.create_client(scope="profile", grant_type="authorization_code")
    answer = person.ask(client, scope=scope, **Pkce().parameters)
    assert answer.query["error"] == "invalid_scope"
    assert answer.query["error_description"] == REFUSED[scope]


@pytest.mark.parametrize("scope", ["profile offline_access", "offline_access", "openid profile offline_access"])
@pytest.mark.parametrize("grant_type", ["password", "client_credentials"])
def test_offline_access_that_the_client_did_not_register_is_left_out(
    provider: Provider, scope: str, grant_type: str
) -> None:
    client = provider.create_client("password", "client_credentials", scope="profile")
    scope = scope.removeprefix("openid ") if grant_type == "client_credentials" else scope
    user = {"username": provider.create_user(), "password": "valid"} if grant_type == "password" else {}
    answer = provider.ask_token(client, grant_type, **user, scope=scope)
    if scope.startswith("openid"):
        assert answer.json["error"] == "invalid_scope"  # openid itself is not registered
    else:
        assert answer.json["scope"] == "profile"


def test_offline_access_is_left_out_of_an_authorization_request(application: Flask) -> None:
    person = Person(application.test_client())
    person.log_in()
    client = person.create_client(scope="profile", grant_type="authorization_code")
    code_of(person.allow(client, scope="profile offline_access", **(pkce := Pkce()).parameters))
    answer = person.ask(client, scope="profile offline_access", **pkce.parameters)
    fields = {"grant_type": "authorization_code", "code": code_of(answer), "redirect_uri": "https://client.example/cb"}
    token = person.post("/oauth/token", {**fields, "code_verifier": pkce.verifier}, **client.basic)
    assert '"scope":"profile"' in token.text


# What a new client has filled in


def scope_of(application: Flask, *arguments: str) -> str:
    result = application.test_cli_runner().invoke(args=["clients", "create", "Notes", "--json", *arguments])
    assert result.exit_code == 0, result.output
    found = result.output.split('"scope": "')[1].split('"')[0]
    return str(found)


def test_a_new_client_may_ask_for_what_openid_clients_ask_for(application: Flask) -> None:
    back = ("--redirect-uri", "https://client.example/cb")
    assert scope_of(application, *back) == "openid profile email offline_access"
    assert scope_of(application, *back, "--grant-type", "authorization_code") == "openid profile email"
    assert scope_of(application, *back, "--scope", "profile") == "profile"
    assert scope_of(application, "--grant-type", "client_credentials") == ""


def test_the_form_has_the_same_filled_in_and_refresh_token_brings_offline_access(application: Flask) -> None:
    person = Person(application.test_client())
    person.log_in()
    assert 'value="openid profile email"' in person.get("/create_client").text
    client = person.create_client(scope="openid profile email")
    answer = person.ask(client, scope="openid offline_access", **Pkce().parameters)
    assert "offline_access" in find_scope(application, client.client_id)
    assert answer.status == 200
    without = person.create_client(scope="openid profile email", grant_type="authorization_code")
    assert find_scope(application, without.client_id) == ("openid", "profile", "email")


def find_scope(application: Flask, client_id: str) -> tuple[str, ...]:
    scope: tuple[str, ...] = application.extensions["grantwright"].clients.find(client_id).scope
    return scope


def test_without_openid_connect_a_new_client_has_the_operators_scopes(create_application: Callable[..., Flask]) -> None:
    application = create_application(
        OAUTH2_SPECS={"oidc_core_scopes": False}, OAUTH2_SCOPES={"notes": "Read your notes"}
    )
    assert scope_of(application, "--redirect-uri", "https://client.example/cb") == "notes"
