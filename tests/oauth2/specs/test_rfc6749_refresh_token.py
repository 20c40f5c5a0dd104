"""Refreshing: rotation at every use, reuse ends the grant, both expiries, only the grant's own client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.support.token_requests import SCOPES, MachineClient, Provider

DAY = 86_400
START = 1_900_000_000


@pytest.fixture
def client(stored_provider: Provider) -> MachineClient:
    return stored_provider.create_client("password", "refresh_token")


def successor(provider: Provider, client: MachineClient, refresh_token: str, **fields: str) -> dict[str, Any]:
    answer = provider.refresh(client, refresh_token, **fields)
    assert answer.status == 200, answer.body
    return answer.json


def assert_refused(provider: Provider, client: MachineClient, refresh_token: str, error: str = "invalid_grant") -> None:
    answer = provider.refresh(client, refresh_token)
    assert (answer.status, answer.error) == (400, error)


# Rotation


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_every_refresh_gives_a_new_refresh_token(stored_provider: Provider, method: str) -> None:
    client = stored_provider.create_client("password", "refresh_token", token_endpoint_auth_method=method)
    response = stored_provider.log_in(client)
    seen = {response["refresh_token"]}
    for _ in range(3):
        response = successor(stored_provider, client, response["refresh_token"])
        assert response.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
        assert response["expires_in"] == 600
        seen.add(response["refresh_token"])
    assert len(seen) == 4


def test_the_new_access_token_is_of_the_same_user(stored_provider: Provider, client: MachineClient) -> None:
    api = stored_provider.create_client("password", "refresh_token")
    first = stored_provider.log_in(client, "frank")
    second = successor(stored_provider, client, first["refresh_token"])
    said = [stored_provider.introspect(client, response["access_token"]) for response in (first, second)]
    assert said[0]["sub"] == said[1]["sub"]
    assert said[0]["jti"] != said[1]["jti"]
    assert not stored_provider.is_active(api, second["access_token"])


def test_reuse_of_a_spent_refresh_token_ends_the_whole_family(stored_provider: Provider, client: MachineClient) -> None:
    first = stored_provider.log_in(client)
    second = successor(stored_provider, client, first["refresh_token"])
    third = successor(stored_provider, client, second["refresh_token"])
    assert stored_provider.is_active(client, third["refresh_token"])
    assert_refused(stored_provider, client, first["refresh_token"])
    for response in (first, second, third):
        assert not stored_provider.is_active(client, response["access_token"])
        assert not stored_provider.is_active(client, response["refresh_token"])
        assert_refused(stored_provider, client, response["refresh_token"])


def test_reuse_leaves_other_grants_of_the_same_user_alone(stored_provider: Provider, client: MachineClient) -> None:
    mine, other = stored_provider.log_in(client), stored_provider.log_in(client)
    second = successor(stored_provider, client, mine["refresh_token"])
    successor(stored_provider, client, second["refresh_token"])
    assert_refused(stored_provider, client, mine["refresh_token"])
    assert stored_provider.is_active(client, other["access_token"])
    successor(stored_provider, client, other["refresh_token"])


def test_a_spent_refresh_token_is_inactive(stored_provider: Provider, client: MachineClient) -> None:
    first = stored_provider.log_in(client)
    assert stored_provider.is_active(client, first["refresh_token"])
    second = successor(stored_provider, client, first["refresh_token"])
    assert not stored_provider.is_active(client, first["refresh_token"])
    assert stored_provider.is_active(client, second["refresh_token"])


# The right client


def test_another_client_cannot_refresh_and_the_family_lives_on(
    stored_provider: Provider, client: MachineClient
) -> None:
    other = stored_provider.create_client("password", "refresh_token")
    first = stored_provider.log_in(client)
    second = successor(stored_provider, client, first["refresh_token"])
    for spent_or_current in (first["refresh_token"], second["refresh_token"]):
        assert_refused(stored_provider, other, spent_or_current)
    assert stored_provider.refresh(other, second["refresh_token"], scope="profile").error == "invalid_grant"
    assert stored_provider.is_active(client, second["access_token"])
    successor(stored_provider, client, second["refresh_token"])


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_refreshing_needs_the_clients_authentication(stored_provider: Provider, method: str) -> None:
    client = stored_provider.create_client("password", "refresh_token", token_endpoint_auth_method=method)
    token = stored_provider.log_in(client)["refresh_token"]
    fields = {"grant_type": "refresh_token", "refresh_token": token}
    for more in ({}, {"client_id": client.client_id}, {"client_id": client.client_id, "client_secret": "wrong"}):
        answer = stored_provider.post("/oauth/token", {**fields, **more})
        assert (answer.status, answer.error) == (401, "invalid_client")
    successor(stored_provider, client, token)


def test_a_client_that_no_longer_registers_the_grant_cannot_refresh(
    stored_provider: Provider, client: MachineClient
) -> None:
    token = stored_provider.log_in(client)["refresh_token"]
    metadata = {
        "client_name": "x",
        "grant_types": ["password"],
        "scope": "profile photos",
        "token_endpoint_auth_method": "client_secret_basic",
    }
    stored_provider.server.clients.update(client.row, metadata)
    assert_refused(stored_provider, client, token, "unauthorized_client")


@pytest.mark.parametrize("kind", ["access_token", "nonsense", "gwrt_", "x", "code"])
def test_what_is_no_refresh_token_is_refused(stored_provider: Provider, client: MachineClient, kind: str) -> None:
    response = stored_provider.log_in(client)
    assert_refused(stored_provider, client, response.get(kind, kind))
    if kind == "access_token":
        assert_refused(stored_provider, client, "gwrt_" + response[kind].removeprefix("gwat_"))


def test_a_missing_refresh_token_is_told(stored_provider: Provider, client: MachineClient) -> None:
    assert stored_provider.ask_token(client, "refresh_token").error == "invalid_request"


# Scope


def test_a_narrower_scope_narrows_the_access_token_only(stored_provider: Provider, client: MachineClient) -> None:
    response = stored_provider.log_in(client, scope="profile photos")
    narrow = successor(stored_provider, client, response["refresh_token"], scope="photos")
    assert narrow["scope"] == "photos"
    assert stored_provider.introspect(client, narrow["access_token"])["scope"] == "photos"
    assert successor(stored_provider, client, narrow["refresh_token"])["scope"] == "profile photos"


@pytest.mark.parametrize("scope", ["photos", "profile photos", "nonsense", "profile nonsense"])
def test_a_wider_scope_is_refused_and_costs_nothing(
    stored_provider: Provider, client: MachineClient, scope: str
) -> None:
    token = stored_provider.log_in(client, scope="profile")["refresh_token"]
    answer = stored_provider.refresh(client, token, scope=scope)
    assert (answer.status, answer.error) == (400, "invalid_scope")
    assert successor(stored_provider, client, token)["scope"] == "profile"


def test_a_scope_that_was_taken_from_the_client_is_not_given_again(
    stored_provider: Provider, client: MachineClient
) -> None:
    token = stored_provider.log_in(client, scope="profile photos")["refresh_token"]
    metadata = {
        "client_name": "x",
        "grant_types": ["password", "refresh_token"],
        "scope": "photos",
        "token_endpoint_auth_method": "client_secret_basic",
    }
    stored_provider.server.clients.update(client.row, metadata)
    assert successor(stored_provider, client, token)["scope"] == "photos"


# Time


@dataclass
class Timed:
    """A provider of its own, at a moment that the test moves."""

    provider: Provider
    moment: Any
    client: MachineClient

    def wait(self, seconds: int) -> None:
        self.moment.shift(seconds)


@pytest.fixture
def open_timed(create_application: Callable[..., Flask]) -> Iterator[Callable[..., Timed]]:
    with time_machine.travel(START, tick=False) as moment:

        def open_at_start(**settings: Any) -> Timed:
            provider = Provider(create_application(OAUTH2_SCOPES=SCOPES, OAUTH2_ACCESS_LOG=False, **settings))
            return Timed(provider, moment, provider.create_client("password", "refresh_token"))

        yield open_at_start


def test_a_refresh_token_that_lies_unused_expires(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed(OAUTH2_REFRESH_TOKEN_IDLE_SECONDS=1000)
    token = timed.provider.log_in(timed.client)["refresh_token"]
    timed.wait(999)
    token = successor(timed.provider, timed.client, token)["refresh_token"]
    timed.wait(999)
    assert timed.provider.is_active(timed.client, token)
    timed.wait(1)
    assert not timed.provider.is_active(timed.client, token)
    assert_refused(timed.provider, timed.client, token)


def test_no_refreshing_carries_a_grant_beyond_its_absolute_end(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed(OAUTH2_REFRESH_TOKEN_SECONDS=10 * DAY, OAUTH2_REFRESH_TOKEN_IDLE_SECONDS=2 * DAY)
    token = timed.provider.log_in(timed.client)["refresh_token"]
    for _ in range(9):
        timed.wait(DAY)
        token = successor(timed.provider, timed.client, token)["refresh_token"]
    timed.wait(DAY - 1)
    response = successor(timed.provider, timed.client, token)
    assert timed.provider.is_active(timed.client, response["access_token"])
    timed.wait(1)
    assert_refused(timed.provider, timed.client, response["refresh_token"])
    assert not timed.provider.is_active(timed.client, response["refresh_token"])
    assert not timed.provider.is_active(timed.client, response["access_token"])


def test_by_default_a_grant_lives_ninety_days_and_thirty_unused(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed()
    settings = timed.provider.server.settings
    assert (settings.refresh_token_seconds, settings.refresh_token_idle_seconds) == (90 * DAY, 30 * DAY)
    assert (settings.refresh_token_grace_seconds, settings.refresh_grace_seconds) == (30, 30)


def test_an_access_token_ends_after_its_lifetime(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed(OAUTH2_ACCESS_TOKEN_SECONDS=60)
    machine = timed.provider.create_client()
    tokens = [
        (timed.client, timed.provider.log_in(timed.client)["access_token"]),
        (machine, timed.provider.get_token(machine)["access_token"]),
    ]
    timed.wait(59)
    assert all(timed.provider.is_active(client, token) for client, token in tokens)
    timed.wait(1)
    assert not any(timed.provider.is_active(client, token) for client, token in tokens)


def test_in_the_grace_window_a_retry_converges(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed(OAUTH2_REFRESH_TOKEN_GRACE_SECONDS=10)
    first = timed.provider.log_in(timed.client)["refresh_token"]
    second = successor(timed.provider, timed.client, first)["refresh_token"]
    timed.wait(10)
    retried = successor(timed.provider, timed.client, first)["refresh_token"]
    # Both are the grant's current generation: taking one spends both.
    third = successor(timed.provider, timed.client, second)["refresh_token"]
    assert not timed.provider.is_active(timed.client, retried)
    assert timed.provider.is_active(timed.client, third)


def test_after_the_grace_window_a_retry_is_reuse(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed(OAUTH2_REFRESH_TOKEN_GRACE_SECONDS=10)
    first = timed.provider.log_in(timed.client)["refresh_token"]
    second = successor(timed.provider, timed.client, first)["refresh_token"]
    timed.wait(11)
    assert_refused(timed.provider, timed.client, first)
    assert_refused(timed.provider, timed.client, second)


def test_the_grace_window_is_for_the_preceding_token_only(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed(OAUTH2_REFRESH_TOKEN_GRACE_SECONDS=30)
    first = timed.provider.log_in(timed.client)["refresh_token"]
    second = successor(timed.provider, timed.client, first)["refresh_token"]
    third = successor(timed.provider, timed.client, second)["refresh_token"]
    assert_refused(timed.provider, timed.client, first)
    assert_refused(timed.provider, timed.client, third)


def test_the_grace_window_does_not_open_to_another_client(open_timed: Callable[..., Timed]) -> None:
    timed = open_timed(OAUTH2_REFRESH_TOKEN_GRACE_SECONDS=30)
    other = timed.provider.create_client("password", "refresh_token")
    first = timed.provider.log_in(timed.client)["refresh_token"]
    successor(timed.provider, timed.client, first)
    assert_refused(timed.provider, other, first)


# What becomes of the user and the client


def test_refreshing_ends_with_the_client(stored_provider: Provider, client: MachineClient) -> None:
    response = stored_provider.log_in(client)
    api = stored_provider.create_client()
    stored_provider.server.clients.delete(client.row)
    assert stored_provider.refresh(client, response["refresh_token"]).error == "invalid_client"
    assert not stored_provider.is_active(api, response["access_token"])


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_refreshing_ends_with_the_user(stored_provider: Provider, client: MachineClient, how: str) -> None:
    name = f"leaving, {how}"
    response = stored_provider.log_in(client, name)
    change = "DELETE FROM oauth2_user" if how == "deleted" else "UPDATE oauth2_user SET disabled_at = 1"
    with stored_provider.server.database.writing() as session:
        session.connection().exec_driver_sql(f"{change} WHERE username = '{name}'")
    assert_refused(stored_provider, client, response["refresh_token"])
    assert not stored_provider.is_active(client, response["refresh_token"])
    assert not stored_provider.is_active(client, response["access_token"])


def test_what_is_refreshed_stands_on_its_own_user_and_no_other(stored_provider: Provider) -> None:
    client = stored_provider.create_client("password", "refresh_token")
    responses = {name: stored_provider.log_in(client, name) for name in ("first of two", "second of two")}
    subject = stored_provider.introspect(client, responses["first of two"]["access_token"])["sub"]
    with stored_provider.server.database.writing() as session:
        session.connection().exec_driver_sql(f"UPDATE oauth2_subject SET token_epoch = 7 WHERE subject = '{subject}'")
    assert not stored_provider.is_active(client, responses["first of two"]["access_token"])
    for response in responses.values():
        fresh = successor(stored_provider, client, response["refresh_token"])
        assert stored_provider.is_active(client, fresh["access_token"])


def test_a_scope_that_is_there_no_more_is_left_out(create_application: Callable[..., Flask]) -> None:
    before = Provider(create_application(OAUTH2_SCOPES=SCOPES))
    client = before.create_client("password", "refresh_token", scope="profile photos")
    refresh_token = before.log_in(client)["refresh_token"]
    after = Provider(create_application(initdb=False, OAUTH2_SCOPES={"profile": SCOPES["profile"]}))
    response = successor(after, client, refresh_token)
    assert response["scope"] == "profile"
    assert after.introspect(client, response["access_token"])["scope"] == "profile"
