"""What OpenID Connect granted without offline_access lasts as long as the login does; everything else outlives it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import text

from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import SCOPES, MachineClient, Provider

START = 1_900_000_000
DAY = 86_400
BOUND = ("openid", "openid profile")
LASTING = ("profile", "openid offline_access")
EVERY_SCOPE = "openid profile offline_access"


@dataclass
class Granted:
    """What a person's browser let a client have, and the means to try it."""

    provider: Provider
    client: MachineClient
    person: Person
    tokens: dict[str, Any]

    def is_refreshable(self) -> bool:
        return self.provider.is_active(self.client, self.tokens["refresh_token"])

    def is_active(self) -> bool:
        return self.provider.is_active(self.client, self.tokens["access_token"])

    def open(self, path: str) -> int:
        return self.provider.get(path, Authorization=f"Bearer {self.tokens['access_token']}").status

    def refresh(self) -> int:
        answer = self.provider.refresh(self.client, self.tokens["refresh_token"])
        if answer.status == 200:
            self.tokens = answer.json
        else:
            assert (answer.status, answer.error) == (400, "invalid_grant")
        return answer.status


def grant(
    stored_provider: Provider,
    scope: str,
    form: str = "sealed",
    username: str = "alice",
    redirect_uri: str = REDIRECT_URI,
    policy: dict[str, Any] | None = None,
    **metadata: Any,
) -> Granted:
    """Let a client in; with a browser of one's own each time."""
    client = stored_provider.create_client(
        "authorization_code", "refresh_token", policy={"access_token_format": form, **(policy or {})},
        **{"scope": EVERY_SCOPE, "redirect_uris": [redirect_uri], "response_types": ["code"], **metadata},
    )  # fmt: skip
    person, pkce = Person(stored_provider.application.test_client()), Pkce()
    person.log_in(username)
    asked = person.allow(client.client_id, scope=scope, redirect_uri=redirect_uri, **pkce.parameters)
    fields = {"code": code_of(asked), "redirect_uri": redirect_uri, "code_verifier": pkce.verifier}
    return Granted(stored_provider, client, person, stored_provider.get_token(client, "authorization_code", **fields))


@pytest.mark.parametrize("form", ["sealed", "jwt"])
@pytest.mark.parametrize("scope", BOUND)
def test_it_ends_when_the_user_logs_out(stored_provider: Provider, scope: str, form: str) -> None:
    granted = grant(stored_provider, scope, form)
    assert granted.is_active()
    assert granted.is_refreshable()
    assert granted.refresh() == 200
    granted.person.log_out()
    assert not granted.is_active()
    assert not granted.is_refreshable()
    assert granted.refresh() == 400


@pytest.mark.parametrize("scope", LASTING)
def test_anything_else_outlives_the_login(stored_provider: Provider, scope: str) -> None:
    granted = grant(stored_provider, scope)
    granted.person.log_out()
    assert granted.is_active()
    assert granted.is_refreshable()
    assert granted.refresh() == 200


def test_another_login_of_the_same_user_does_not_carry_it(stored_provider: Provider) -> None:
    granted = grant(stored_provider, "openid")
    granted.person.log_out()
    granted.person.log_in("alice")
    assert granted.refresh() == 400


@pytest.mark.parametrize("scope", BOUND)
@pytest.mark.parametrize("form", ["sealed", "jwt"])
def test_refreshing_keeps_it_alive_while_nobody_comes_by(stored_provider: Provider, scope: str, form: str) -> None:
    """Everywhere: token endpoint, introspection, UserInfo, the API; up to the login's end, and not the browser."""
    settings = stored_provider.server.settings
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, scope, form)
        for moment in range(DAY, settings.session_seconds, DAY):
            clock.move_to(START + moment)
            assert granted.refresh() == 200
            assert granted.is_active()
            assert granted.is_refreshable()
            assert granted.open("/oauth/userinfo") == 200
            assert granted.open("/api/me") == (200 if "profile" in scope else 403)
        assert settings.session_idle_seconds < settings.session_seconds - DAY
        page = granted.person.get("/account")
        assert (page.status, "/account" in page.location) == (303, True), "the browser's own login idled out"
        clock.move_to(START + settings.session_seconds)
        assert granted.refresh() == 400
        assert not granted.is_active()
        assert granted.open("/oauth/userinfo") == 401


def test_it_idles_as_its_refresh_token_does(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_REFRESH_TOKEN_IDLE_SECONDS=1000, OAUTH2_SCOPES=SCOPES))
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(provider, "openid")
        clock.shift(999)
        assert granted.refresh() == 200
        clock.shift(1000)
        assert granted.refresh() == 400


def test_pruning_keeps_the_login_that_a_live_grant_needs(stored_provider: Provider) -> None:
    settings = stored_provider.server.settings
    with time_machine.travel(START, tick=False) as clock:
        granted, other = grant(stored_provider, "openid"), grant(stored_provider, "openid")
        clock.shift(settings.session_idle_seconds - DAY)
        assert granted.refresh() == 200
        clock.shift(2 * DAY)
        stored_provider.revoke(other.client, other.tokens["refresh_token"])
        ran = stored_provider.application.test_cli_runner().invoke(args=["prune", "--json"])
        assert ran.exit_code == 0, ran.output
        assert granted.refresh() == 200
        assert granted.is_active()


@pytest.mark.parametrize("how", ["log out", "disconnect", "log out everywhere", "password", "disabled"])
def test_what_ends_it_ends_it_though_the_browser_was_idle(stored_provider: Provider, how: str) -> None:
    name = f"idle, {how}".replace(" ", "-").replace(",", "")
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid", username=name)
        for _ in range(4):
            clock.shift(DAY)
            assert granted.refresh() == 200
        elsewhere = Person(stored_provider.application.test_client())
        elsewhere.log_in(name)
        page = elsewhere.get("/account/sessions")
        assert page.text.count('/end"') == 2, "a login that keeps an app connected is listed"
        if how == "log out":
            answer = elsewhere.post("/account/sessions/end_others", page.hidden_fields())
        elif how == "disconnect":
            apps = elsewhere.get("/account/apps")
            path = re.search(r"/account/apps/[^/]+/revoke", apps.text).group()
            answer = elsewhere.post(path, apps.hidden_fields())
        elif how == "log out everywhere":
            path = "/account/sessions/sign_out_everywhere"
            answer = elsewhere.post(path, elsewhere.get(path).hidden_fields())
        else:
            end = ["passwd", name] if how == "password" else ["disable", name]
            ran = stored_provider.application.test_cli_runner().invoke(args=["users", *end], input=f"{PASSWORD}\n" * 2)
            assert ran.exit_code == 0, ran.output
        if how not in ("password", "disabled"):
            assert answer.status in (200, 303)
        assert granted.refresh() == 400
        assert not granted.is_active()


def test_it_ends_when_the_login_has_expired_however_much_it_was_used(stored_provider: Provider) -> None:
    whole = stored_provider.server.settings.session_seconds
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid")
        for day in range(1, whole // DAY):
            clock.move_to(START + day * DAY)
            assert granted.person.get("/").status == 200
            assert granted.refresh() == 200
        clock.move_to(START + whole)
        assert granted.refresh() == 400


def test_a_refusal_for_a_login_that_is_over_is_no_reuse(stored_provider: Provider) -> None:
    granted = grant(stored_provider, "openid")
    granted.person.log_out()
    assert granted.refresh() == 400
    told = stored_provider.server.audit.list(events=["refresh_token_reused"])
    assert granted.client.row not in [event.client for event in told]


def test_logging_in_again_after_an_idle_time_leaves_it_alive(stored_provider: Provider) -> None:
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid")
        clock.shift(stored_provider.server.settings.session_idle_seconds)
        granted.person.log_in("alice")
        assert granted.refresh() == 200


def test_somebody_elses_login_in_that_browser_ends_it(stored_provider: Provider) -> None:
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid")
        clock.shift(stored_provider.server.settings.session_idle_seconds)
        granted.person.log_in("bob")
        assert granted.refresh() == 400


def test_logging_in_again_brings_nothing_back_to_life(stored_provider: Provider) -> None:
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid")
        clock.shift(stored_provider.server.settings.session_seconds)
        granted.person.log_in("alice")
        assert not granted.is_active()
        assert not granted.is_refreshable()
        assert granted.refresh() == 400


def test_logins_and_grants_that_were_copied_with_a_null_of_json_hold(stored_provider: Provider) -> None:
    granted = grant(stored_provider, "openid")
    with stored_provider.server.database.engine.begin() as connection:
        for table in ("oauth2_session", "oauth2_grant"):
            connection.execute(text(f"UPDATE {table} SET amr = 'null'"))
    assert granted.person.get("/account").status == 200
    assert granted.refresh() == 200


# Apps that stay connected

LOOPBACK, PRIVATE = "http://127.0.0.1:8765/cb", "com.example.app:/cb"
PASSWORD = "correct horse battery staple"
SENTENCE = "It stays connected after you log out."
SELF_REGISTERED = {"is_self_registered": True, "registration_token_hash": "0" * 64}


@pytest.mark.parametrize(
    ("redirect_uri", "policy", "metadata", "stays"),
    [
        (REDIRECT_URI, {}, {}, False),
        (LOOPBACK, {}, {}, True),
        (PRIVATE, {}, {}, True),
        (LOOPBACK, {}, {"redirect_uris": [LOOPBACK, REDIRECT_URI]}, False),
        (REDIRECT_URI, {}, {"application_type": "native"}, False),
        (LOOPBACK, {}, {"backchannel_logout_uri": "https://client.example/out"}, False),
        (LOOPBACK, {}, {"frontchannel_logout_uri": "https://client.example/out"}, False),
        (REDIRECT_URI, {"ends_with_login": False}, {}, True),
        (LOOPBACK, {"ends_with_login": True}, {}, False),
        (LOOPBACK, {"ends_with_login": False}, {"backchannel_logout_uri": "https://client.example/out"}, True),
        (LOOPBACK, SELF_REGISTERED, {}, True),
        (PRIVATE, SELF_REGISTERED, {}, True),
        (REDIRECT_URI, SELF_REGISTERED, {}, False),
        (REDIRECT_URI, {**SELF_REGISTERED, "ends_with_login": False}, {}, True),
    ],
)
@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_whether_it_outlives_the_login_is_said_and_so_it_is(
    stored_provider: Provider,
    redirect_uri: str,
    policy: dict[str, Any],
    metadata: dict[str, Any],
    stays: bool,
    method: str,
) -> None:
    facts = {"redirect_uri": redirect_uri, "policy": policy, "token_endpoint_auth_method": method, **metadata}
    granted = grant(stored_provider, "openid profile", **facts)
    page = granted.person.ask(
        granted.client.client_id, scope="openid profile", redirect_uri=redirect_uri, prompt="consent",
        **Pkce().parameters,
    )  # fmt: skip
    assert (SENTENCE in page.text) == stays
    granted.person.log_out()
    assert (granted.refresh() == 200) == stays


def test_a_client_that_registered_itself_stays_connected_only_by_a_yes_that_said_so(stored_provider: Provider) -> None:
    granted = grant(stored_provider, "openid", policy=SELF_REGISTERED)
    client = granted.client
    stored_provider.server.clients.update(client.row, {"client_name": "Photo Printer", "scope": EVERY_SCOPE,
        "token_endpoint_auth_method": "client_secret_basic"}, ends_with_login=False)  # fmt: skip
    pkce = Pkce()
    silent = granted.person.ask(client.client_id, scope="openid", **pkce.parameters)
    fields = {"code": code_of(silent), "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    granted.tokens = stored_provider.get_token(client, "authorization_code", **fields)
    granted.person.log_out()
    assert granted.refresh() == 400


def test_an_operator_who_decides_that_grants_end_with_the_login_ends_those_that_are_there(
    stored_provider: Provider,
) -> None:
    granted = grant(stored_provider, "openid", redirect_uri=LOOPBACK)
    lasting = grant(stored_provider, "openid", redirect_uri=LOOPBACK)
    for held in (granted, lasting):
        held.person.log_out()
        assert held.refresh() == 200
    held = stored_provider.server.clients.find_fresh(granted.client.client_id)
    stored_provider.server.clients.update(granted.client.row, held.metadata, ends_with_login=True)
    assert granted.refresh() == 400
    assert lasting.refresh() == 200


def test_a_refresh_never_freshens_the_time_of_the_login(stored_provider: Provider) -> None:
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid")
        clock.shift(1000)
        granted.person.log_in("alice")
        assert granted.refresh() == 200
        said = granted.tokens["id_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
        assert (claims["auth_time"], claims["iat"]) == (START, START + 1000)
