"""Claims of one's own: in introspection answers and JWTs alike, never in the place of a standard's member."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from flask import Flask

from tests.support.token_requests import SCOPES, MachineClient, Provider
from website.settings import SettingsError
from website.standard_claims import PROTOCOL_CLAIMS


@pytest.fixture
def own(create_application: Callable[..., Flask]) -> Provider:
    return Provider(create_application(OAUTH2_SPECS={"tests.oauth2.own_claims": True}, OAUTH2_SCOPES=SCOPES))


@pytest.fixture
def create_with(
    create_application: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Any], Provider]:
    """A factory: a provider with one claim more."""

    def create(name: str, function: Any) -> Provider:
        module = ModuleType("one_claim.of_ours")
        module.register = lambda server, settings: server.registry.add_token_claim(name, function)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "one_claim", ModuleType("one_claim"))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return Provider(create_application(OAUTH2_SPECS={module.__name__: True}))

    return create


def create_client(provider: Provider, token_format: str = "sealed") -> MachineClient:
    return provider.create_client(
        "password", "refresh_token", "client_credentials", policy={"access_token_format": token_format}
    )


def claims_in(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_introspection_says_the_claims_of_a_users_token(own: Provider, token_format: str) -> None:
    client = create_client(own, token_format)
    said = own.introspect(client, own.log_in(client, "grace", scope="photos")["access_token"])
    assert said["department"] == "department of grace"
    assert said["client_title"] == "Photo Printer"
    assert said["roles"] == ["reader", "writer"]
    assert said["active"] is True


def test_a_jwt_carries_the_claims_and_still_holds(own: Provider) -> None:
    client = create_client(own, "jwt")
    token = own.log_in(client, "grace", scope="photos profile")["access_token"]
    assert claims_in(token)["department"] == "department of grace"
    assert claims_in(token)["roles"] == ["reader", "writer"]
    assert own.get("/api/me", Authorization=f"Bearer {token}").json["username"] == "grace"


def test_a_claim_that_a_token_has_not_is_left_out(own: Provider) -> None:
    client = create_client(own, "jwt")
    without_scope = own.log_in(client, "grace", scope="profile")["access_token"]
    without_user = own.get_token(client, scope="photos")["access_token"]
    for token in (without_scope, without_user):
        assert "department" not in claims_in(token)
        assert "department" not in own.introspect(client, token)
        assert claims_in(token)["client_title"] == "Photo Printer"


def test_a_token_that_does_not_hold_says_no_claim(own: Provider) -> None:
    client = create_client(own)
    token = own.log_in(client, scope="photos")["access_token"]
    own.revoke(client, token)
    assert own.introspect(client, token) == {"active": False}


def test_a_refresh_token_says_no_claim(own: Provider) -> None:
    client = create_client(own)
    said = own.introspect(client, own.log_in(client, scope="photos")["refresh_token"])
    assert set(said) == {"active", "scope", "client_id", "iss"}


@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_every_member_of_ours_is_reserved(provider: Provider, token_format: str) -> None:
    client = create_client(provider, token_format)
    token = provider.log_in(client)["access_token"]
    written = claims_in(token) if token_format == "jwt" else {}
    assert {*provider.introspect(client, token), *written} <= PROTOCOL_CLAIMS


@pytest.mark.parametrize("name", ["active", "sub", "exp", "aud", "scope", "client_id", "grant_id", "cnf", "act"])
def test_a_reserved_name_stops_the_start(create_with: Callable[[str, Any], Provider], name: str) -> None:
    with pytest.raises(SettingsError, match=f"the claim {name} is reserved"):
        create_with(name, lambda token: "anything")


def test_a_name_that_is_taken_stops_the_start(create_application: Callable[..., Flask], own: Provider) -> None:
    with pytest.raises(SettingsError, match="registers the token claim department, but"):
        own.server.registry.add_token_claim("department", lambda token: "another")


def test_a_claim_that_fails_is_a_server_error_and_gives_no_token(create_with: Callable[[str, Any], Provider]) -> None:
    provider = create_with("department", lambda token: 1 / 0)
    client = create_client(provider, "jwt")
    answer = provider.ask_token(client)
    assert (answer.status, answer.error) == (500, "server_error")
    assert b"ZeroDivision" not in answer.body


def test_a_jwt_that_would_be_too_long_to_be_read_again_is_not_given(
    create_with: Callable[[str, Any], Provider],
) -> None:
    provider = create_with("department", lambda token: "x" * 16_000)
    answer = provider.ask_token(create_client(provider, "jwt"))
    assert (answer.status, answer.error) == (500, "server_error")


def test_without_claims_of_ones_own_nothing_is_added(provider: Provider) -> None:
    client = create_client(provider)
    token, row = provider.get_token(client)["access_token"], provider.server.clients.find_any(client.client_id)
    live = provider.server.access_tokens.find_live(token)
    assert provider.server.token_claims.claims_for(live.token, row, "introspection") == {}


@pytest.mark.parametrize("value", [float("nan"), "\ud800", object()], ids=["nan", "half", "object"])
def test_what_json_cannot_hold_is_refused_in_both_forms(
    create_with: Callable[[str, Any], Provider], value: Any
) -> None:
    provider = create_with("team", lambda token: value)
    sealed, jwt = create_client(provider), create_client(provider, "jwt")
    token = provider.get_token(sealed)["access_token"]

    assert provider.ask_token(jwt).status == 500
    assert provider.post("/oauth/introspect", {"token": token}, sealed).status == 500
