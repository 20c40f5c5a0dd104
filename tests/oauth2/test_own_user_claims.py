"""Claims of one's own about people, and a client whose ID tokens have the claims of its scopes."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.openid_client import IN_BROWSER, OpenIDClient
from tests.support.token_requests import Provider
from website.settings import SettingsError
from website.standard_claims import CLAIMS_OF_SCOPE, PROTOCOL_CLAIMS

USERINFO, METADATA = "/oauth/userinfo", "/.well-known/openid-configuration"
GROUPS, ROLES = ["staff", "wheel"], ["reader"]
EVERY_SCOPE = "openid profile email groups"


def register(server: Any, settings: Any) -> None:
    """Three claims about people: two lists, and one that some lack."""
    server.registry.add_scopes({"groups": "See your groups"})
    server.registry.add_user_claim("groups", lambda account: GROUPS, scope="groups")
    server.registry.add_user_claim("roles", lambda account: ROLES)
    server.registry.add_user_claim("department", lambda account: "Engines" if account.username == "ada" else None)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of one's own, to be switched on as `own_people.claims`."""
    made = types.ModuleType("own_people.claims")
    made.register = register  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_people", types.ModuleType("own_people"))
    monkeypatch.setitem(sys.modules, "own_people.claims", made)
    return made


@pytest.fixture
def own(module: types.ModuleType, create_application: Callable[..., Flask]) -> Provider:
    return Provider(create_application(OAUTH2_SPECS={"own_people.claims": True, "groups": False}))


def open_client(provider: Provider, username: str = "ada", *, claims_in_id_token: bool = False) -> OpenIDClient:
    policy = {"claims_in_id_token": claims_in_id_token}
    grants = ("authorization_code", "implicit", "refresh_token")
    scope = " ".join(
        value for value in f"{EVERY_SCOPE} offline_access".split() if value in provider.server.registry.scopes
    )
    types = ["code", *IN_BROWSER]
    client = provider.create_client(
        *grants, policy=policy, scope=scope, response_types=types, redirect_uris=["https://client.example/cb"]
    )
    opened = OpenIDClient.of(provider, client)
    opened.person.log_in(username)
    return opened


def told(client: OpenIDClient, access_token: str) -> dict[str, Any]:
    return client.provider.get(USERINFO, Authorization=f"Bearer {access_token}").json


# UserInfo


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid groups", {"groups": GROUPS}),
        ("openid profile", {"roles": ROLES, "department": "Engines"}),
        ("openid groups profile", {"groups": GROUPS, "roles": ROLES, "department": "Engines"}),
        ("openid", {}),
    ],
)
def test_a_claim_of_ones_own_is_told_under_its_scope(own: Provider, scope: str, expected: dict[str, Any]) -> None:
    client = open_client(own)
    claims = told(client, client.get_tokens(scope=scope)["access_token"])
    assert {name: claims[name] for name in ("groups", "roles", "department") if name in claims} == expected


def test_a_claim_without_a_value_is_left_out(own: Provider) -> None:
    client = open_client(own, "bob")
    claims = told(client, client.get_tokens(scope="openid profile")["access_token"])
    assert "department" not in claims
    assert claims["roles"] == ROLES


def test_discovery_names_the_claims_of_ones_own(own: Provider) -> None:
    assert {"groups", "roles", "department"} <= set(own.get(METADATA).json["claims_supported"])


def test_a_client_asks_for_a_claim_of_ones_own_by_its_name(own: Provider) -> None:
    client = open_client(own)
    asked = '{"id_token": {"groups": null}, "userinfo": {"department": null}}'
    given = client.get_tokens(scope="openid", claims=asked)
    assert client.judge(given["id_token"])["groups"] == GROUPS
    claims = told(client, given["access_token"])
    assert claims["department"] == "Engines"
    assert "groups" not in claims


# The ID token


@pytest.mark.parametrize("name", ["email", "name", "preferred_username", "groups", "roles", "department"])
def test_by_default_an_id_token_has_no_claims_of_scopes(own: Provider, name: str) -> None:
    client = open_client(own)
    assert name not in client.judge(client.get_tokens(scope=EVERY_SCOPE)["id_token"])


@pytest.mark.parametrize("name", ["email", "name", "preferred_username", "groups", "roles", "department"])
def test_a_client_that_chose_so_has_them_there_and_after_a_refresh(own: Provider, name: str) -> None:
    client = open_client(own, claims_in_id_token=True)
    given = client.get_tokens(scope=f"{EVERY_SCOPE} offline_access")
    expected = told(client, given["access_token"])[name]
    assert client.judge(given["id_token"])[name] == expected
    renewed = own.get_token(client.client, "refresh_token", refresh_token=given["refresh_token"])
    assert client.judge(renewed["id_token"])[name] == expected


@pytest.mark.parametrize("scope", ["openid", "openid email", "openid groups"])
def test_an_id_token_has_no_more_than_the_scope_gives(own: Provider, scope: str) -> None:
    client = open_client(own, claims_in_id_token=True)
    given = client.get_tokens(scope=scope)
    names = {"name", "email", "email_verified", "preferred_username", "groups", "roles", "department"}
    present = names & set(client.judge(given["id_token"]))
    assert present == names & set(told(client, given["access_token"]))


def test_a_narrower_refresh_narrows_the_id_token(own: Provider) -> None:
    client = open_client(own, claims_in_id_token=True)
    given = client.get_tokens(scope=f"{EVERY_SCOPE} offline_access")
    renewed = own.get_token(client.client, "refresh_token", refresh_token=given["refresh_token"], scope="openid email")
    claims = client.judge(renewed["id_token"])
    assert "email" in claims
    assert not {"groups", "name", "department"} & set(claims)


@pytest.mark.parametrize("response_type", [kind for kind in IN_BROWSER if "id_token" in kind.split() and " " in kind])
@pytest.mark.parametrize("spoofed", [{}, {"grant_type": "authorization_code"}], ids=["plain", "with a grant type"])
def test_an_id_token_that_travels_through_the_browser_has_none(
    own: Provider, response_type: str, spoofed: dict[str, str]
) -> None:
    client = open_client(own, claims_in_id_token=True)
    answer = client.allow(response_type, scope=EVERY_SCOPE, **spoofed)
    claims = client.judge(answer.fragment["id_token"])
    assert not {"email", "name", "groups", "department"} & set(claims)


# Names that are the protocol's


@pytest.mark.parametrize("name", sorted({*PROTOCOL_CLAIMS, *(n for ns in CLAIMS_OF_SCOPE.values() for n in ns)}))
def test_a_name_with_a_standards_meaning_is_refused_at_the_start(provider: Provider, name: str) -> None:
    with pytest.raises(SettingsError, match=f"the claim {name} is reserved"):
        provider.server.registry.add_user_claim(name, lambda account: "x")


@pytest.mark.parametrize("name", ["sub", "email_verified", "acr"])
def test_such_a_name_stops_the_start(
    module: types.ModuleType, create_application: Callable[..., Flask], name: str
) -> None:
    module.register = lambda server, settings: server.registry.add_user_claim(name, lambda account: "x")  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="reserved"):
        create_application(OAUTH2_SPECS={"own_people.claims": True}, initdb=False)


def test_two_of_one_name_and_an_unknown_scope_are_refused(own: Provider) -> None:
    with pytest.raises(SettingsError, match="registers the user claim"):
        own.server.registry.add_user_claim("groups", lambda account: [])
    with pytest.raises(SettingsError, match="unknown"):
        own.server.registry.add_user_claim("cost_center", lambda account: 1, scope="finance")


@pytest.mark.parametrize("value", [float("nan"), "\ud800", object(), {1, 2}], ids=["nan", "half", "object", "set"])
def test_what_json_cannot_hold_is_left_out_and_the_rest_is_told(own: Provider, value: Any) -> None:
    own.server.registry.add_user_claim("odd", lambda account: value)
    client = open_client(own, claims_in_id_token=True)
    given = client.get_tokens(scope="openid profile")
    assert "odd" not in told(client, given["access_token"])
    assert client.judge(given["id_token"])["roles"] == ROLES
