"""Refresh tokens that come twice: what a race or a lost answer costs (nothing), and what a thief gains (little)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import FORM, SCOPES, TOKEN, Answer, MachineClient, Provider

START = 1_900_000_000
HERE, ELSEWHERE = "127.0.0.1", "::1"
SPENT = "refresh_token_repeated"


@dataclass
class Refreshing:
    """A client that refreshes at moments that the test moves, from addresses that it names."""

    provider: Provider
    moment: Any
    client: MachineClient

    def take(self, refresh_token: str, address: str = HERE, **fields: str) -> Answer:
        own, headers = self.client.credentials
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token, **fields, **own}
        return self.provider.open(
            "POST", TOKEN, data=body, content_type=FORM, headers=headers, environ_overrides={"REMOTE_ADDR": address}
        )

    def rotate(self, refresh_token: str, address: str = HERE) -> str:
        answer = self.take(refresh_token, address)
        assert answer.status == 200, answer.body
        return str(answer.json["refresh_token"])

    def is_refused(self, refresh_token: str, address: str = HERE) -> bool:
        answer = self.take(refresh_token, address)
        return (answer.status, answer.json.get("error")) == (400, "invalid_grant")

    def is_alive(self, refresh_token: str) -> bool:
        with self.provider.server.database.engine.connect() as connection:
            token = self.provider.server.grants.tokens.read_refresh_token(refresh_token)
            found = connection.execute(
                text("SELECT generation FROM oauth2_grant WHERE id = :id AND revoked_at IS NULL"), {"id": token.grant}
            ).first()
        return found is not None and found[0] == token.generation

    def events(self, name: str) -> list[Any]:
        return self.provider.server.audit.list(events=[name], limit=500)


@pytest.fixture
def begin(create_application: Callable[..., Flask], database_uri: str) -> Iterator[Callable[..., Refreshing]]:
    with time_machine.travel(START, tick=False) as moment:

        def begin_now(method: str = "none", **settings: Any) -> Refreshing:
            settings = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_SCOPES": SCOPES, **settings}
            provider = Provider(create_application(OAUTH2_ACCESS_LOG=False, **settings))
            client = provider.create_client("password", "refresh_token", token_endpoint_auth_method=method)
            return Refreshing(provider, moment, client)

        yield begin_now


def first_token(refreshing: Refreshing, **fields: str) -> str:
    return str(refreshing.provider.log_in(refreshing.client, **fields)["refresh_token"])


# Without any setting


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_three_refreshes_at_once_all_get_the_same_generation(begin: Callable[..., Refreshing], method: str) -> None:
    refreshing = begin(method)
    first = first_token(refreshing)
    got = [refreshing.rotate(first) for _ in range(3)]
    third = refreshing.rotate(got[0])
    assert not any(refreshing.is_alive(token) for token in got)
    assert refreshing.is_alive(third)


@pytest.mark.parametrize(("seconds", "status"), [(1, 200), (30, 200), (31, 400)])
def test_a_lost_answer_can_be_asked_for_again_for_thirty_seconds(
    begin: Callable[..., Refreshing], seconds: int, status: int
) -> None:
    refreshing = begin()
    first = first_token(refreshing)
    second = refreshing.rotate(first)
    refreshing.moment.shift(seconds)
    assert refreshing.take(first).status == status
    assert refreshing.is_alive(second) == (status == 200)


def test_repeats_never_extend_the_window(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    first = first_token(refreshing)
    refreshing.rotate(first)
    for _ in range(3):
        refreshing.moment.shift(10)
        refreshing.rotate(first)
    refreshing.moment.shift(1)
    assert refreshing.is_refused(first)
    assert refreshing.events("refresh_token_reused")


def test_the_window_is_at_most_half_an_access_tokens_life(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin(OAUTH2_ACCESS_TOKEN_SECONDS=20)
    first = first_token(refreshing)
    second = refreshing.rotate(first)
    refreshing.moment.shift(10)
    refreshing.rotate(first)
    refreshing.moment.shift(1)
    assert refreshing.is_refused(first)
    assert not refreshing.is_alive(second)


@pytest.mark.parametrize("settings", [{}, {"OAUTH2_REFRESH_TOKEN_GRACE_SECONDS": 60}])
def test_a_token_of_two_generations_ago_ends_the_grant_within_the_window_too(
    begin: Callable[..., Refreshing], settings: dict[str, Any]
) -> None:
    refreshing = begin(**settings)
    first = first_token(refreshing)
    third = refreshing.rotate(refreshing.rotate(first))
    assert refreshing.is_refused(first)
    assert not refreshing.is_alive(third)


def test_switched_off_every_spent_token_ends_the_grant(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin(OAUTH2_REFRESH_TOKEN_GRACE_SECONDS=0)
    first = first_token(refreshing)
    second = refreshing.rotate(first)
    assert refreshing.is_refused(first)
    assert not refreshing.is_alive(second)


def test_the_twenty_first_repeat_is_refused_and_ends_nothing(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    first = first_token(refreshing)
    second = refreshing.rotate(first)
    for _ in range(20):
        refreshing.rotate(first)
    assert refreshing.is_refused(first)
    assert refreshing.is_alive(second)
    assert not refreshing.events("refresh_token_reused")
    third = refreshing.rotate(second)
    assert refreshing.rotate(second) != third, "the next generation has twenty of its own"


def test_a_repeat_gives_no_wider_access_than_the_grant(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    first = first_token(refreshing, scope="profile")
    refreshing.rotate(first)
    assert refreshing.take(first, scope="profile photos").json["error"] == "invalid_scope"
    assert refreshing.take(first).json["scope"] == "profile"


def test_a_repeat_needs_the_clients_own_authentication(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin("client_secret_basic")
    first = first_token(refreshing)
    second = refreshing.rotate(first)
    body = {"grant_type": "refresh_token", "refresh_token": first, "client_id": refreshing.client.client_id}
    assert refreshing.provider.post(TOKEN, body).status == 401
    other = refreshing.provider.create_client("refresh_token")
    assert refreshing.provider.refresh(other, first).error == "invalid_grant"
    assert refreshing.is_alive(second)


def test_what_a_repeat_gave_dies_with_the_grant(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin("client_secret_basic")
    first = first_token(refreshing)
    refreshing.rotate(first)
    repeated = refreshing.take(first).json
    provider, client = refreshing.provider, refreshing.client
    assert provider.is_active(client, repeated["access_token"])
    provider.revoke(client, repeated["refresh_token"])
    assert not provider.is_active(client, repeated["access_token"])
    assert refreshing.is_refused(first)


# What is told of it


def test_each_repeat_is_an_event_with_its_address(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    first = first_token(refreshing)
    refreshing.rotate(first)
    refreshing.rotate(first, HERE)
    refreshing.rotate(first, ELSEWHERE)
    told = [(row.address, row.detail["from_another_network"]) for row in refreshing.events(SPENT)]
    assert told == [(ELSEWHERE, True), (HERE, False)]


# A thief


def follow(refreshing: Refreshing, token: str, after: int, client_at: str = HERE, thief_at: str = ELSEWHERE) -> int:
    """Let a client refresh each ten minutes and a thief follow it; return after how many rotations the thief is out."""
    for rotation in range(1, 21):
        refreshing.moment.shift(600)
        spent, token = token, refreshing.rotate(token, client_at)
        refreshing.moment.shift(after)
        if refreshing.is_refused(spent, thief_at):
            assert not refreshing.is_alive(token)
            return rotation
    return 0


@pytest.mark.parametrize("after", [0, 1, 20, 30])
def test_a_thief_who_follows_a_public_client_from_another_address_ends_the_grant_within_three_rotations(
    begin: Callable[..., Refreshing], after: int
) -> None:
    refreshing = begin()
    assert follow(refreshing, first_token(refreshing), after) == 3
    assert [row.address for row in refreshing.events("refresh_token_reused")] == [ELSEWHERE]


def test_a_thief_who_comes_first_ends_the_grant_too(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    assert follow(refreshing, first_token(refreshing), 20, client_at=ELSEWHERE, thief_at=HERE) == 3


def test_a_phone_that_changes_networks_now_and_then_keeps_its_grant(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    token = first_token(refreshing)
    for turn in range(12):
        spent, token = token, refreshing.rotate(token)
        if turn % 3:
            refreshing.rotate(spent, ELSEWHERE)
    assert refreshing.is_alive(token)


def test_many_repeats_in_one_generation_count_once(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    first = first_token(refreshing)
    second = refreshing.rotate(first)
    for _ in range(10):
        refreshing.rotate(first, ELSEWHERE)
    assert refreshing.is_alive(second)


def test_a_confidential_client_may_repeat_from_several_addresses(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin("client_secret_basic")
    assert follow(refreshing, first_token(refreshing), 5) == 0


# The person


def open_apps_of_a_code_client(refreshing: Refreshing) -> tuple[Person, str]:
    client = refreshing.provider.create_client(
        "authorization_code", "refresh_token", redirect_uris=[REDIRECT_URI], response_types=["code"],
        token_endpoint_auth_method="none",
    )  # fmt: skip
    refreshing.client = client
    person, pkce = Person(refreshing.provider.application.test_client()), Pkce()
    person.log_in("alice")
    code = code_of(person.allow(client.client_id, scope="profile", **pkce.parameters))
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    return person, str(refreshing.provider.get_token(client, "authorization_code", **fields)["refresh_token"])


@pytest.mark.parametrize(("generations", "is_shown"), [(4, False), (5, True), (8, True)])
def test_repeats_in_five_generations_running_show_as_used_in_two_places(
    begin: Callable[..., Refreshing], generations: int, is_shown: bool
) -> None:
    refreshing = begin()
    person, token = open_apps_of_a_code_client(refreshing)
    for _ in range(generations):
        spent, token = token, refreshing.rotate(token)
        refreshing.rotate(spent)
    assert ("Used in two places" in person.get("/account/apps").text) == is_shown
    assert len(refreshing.events("refresh_token_in_two_places")) == is_shown
    [exported] = export_of(refreshing, "alice")["grants"]
    assert (exported["used_in_two_places_at"] is not None) == is_shown


def export_of(refreshing: Refreshing, username: str) -> dict[str, Any]:
    ran = refreshing.provider.application.test_cli_runner().invoke(args=["users", "export", username])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_a_generation_without_a_repeat_begins_the_count_again(begin: Callable[..., Refreshing]) -> None:
    refreshing = begin()
    token = first_token(refreshing)
    for turn in range(12):
        spent, token = token, refreshing.rotate(token)
        if turn % 4:
            refreshing.rotate(spent)
    assert not refreshing.events("refresh_token_in_two_places")
