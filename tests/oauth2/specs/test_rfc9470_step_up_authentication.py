"""When and how a token's user logged in: in introspection and in JWTs, the grant's, whatever is refreshed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import MachineClient, Provider


@pytest.fixture(params=["sealed", "jwt"])
def client(request: pytest.FixtureRequest, provider: Provider) -> MachineClient:
    return create_client(provider, request.param)


def create_client(provider: Provider, token_format: str) -> MachineClient:
    return provider.create_client(
        "authorization_code", "refresh_token", "client_credentials", policy={"access_token_format": token_format},
        response_types=["code"], redirect_uris=[REDIRECT_URI], scope="profile",
    )  # fmt: skip


def log_in(provider: Provider, client: MachineClient) -> dict[str, Any]:
    """Have a person log in and allow; return what the token endpoint answers."""
    person, pkce = Person(provider.application.test_client()), Pkce()
    person.log_in()
    code = code_of(person.allow(client.client_id, scope="profile", **pkce.parameters))
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    return provider.get_token(client, "authorization_code", **fields)


def claims_of(provider: Provider, client: MachineClient, token: str) -> list[dict[str, Any]]:
    """Return what introspection and, if it's a JWT, the token itself say."""
    said = [provider.introspect(client, token)]
    if token.count(".") == 2:
        payload = token.split(".")[1]
        said.append(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    return said


def test_a_users_token_says_when_and_how_they_logged_in(provider: Provider, client: MachineClient) -> None:
    before = int(time.time())
    tokens = log_in(provider, client)
    for claims in claims_of(provider, client, tokens["access_token"]):
        assert before <= claims["auth_time"] <= time.time()
        assert claims["acr"] == "0"  # in the demo, nobody proves anything


def test_refreshing_is_not_logging_in(provider: Provider, client: MachineClient) -> None:
    tokens = log_in(provider, client)
    [first, *_rest] = claims_of(provider, client, tokens["access_token"])
    time.sleep(1.1)
    refreshed = provider.refresh(client, tokens["refresh_token"]).json
    for claims in claims_of(provider, client, refreshed["access_token"]):
        assert (claims["auth_time"], claims["acr"]) == (first["auth_time"], first["acr"])
        assert claims["iat"] > first["iat"]


def test_a_clients_own_token_says_nothing_about_a_login(provider: Provider, client: MachineClient) -> None:
    for claims in claims_of(provider, client, provider.get_token(client)["access_token"]):
        assert {"auth_time", "acr"}.isdisjoint(claims)


def test_switched_off_no_token_says_it(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"rfc9470_step_up_authentication": False}))
    client = create_client(provider, "jwt")
    for claims in claims_of(provider, client, log_in(provider, client)["access_token"]):
        assert {"auth_time", "acr"}.isdisjoint(claims)
