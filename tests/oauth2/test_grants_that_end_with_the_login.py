"""What OpenID Connect granted without offline_access lasts as long as the login does; everything else outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from tests.person import REDIRECT_URI, Person, Pkce, code_of
from tests.token_requests import MachineClient, Provider

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

    def refresh(self) -> int:
        answer = self.provider.refresh(self.client, self.tokens["refresh_token"])
        if answer.status == 200:
            self.tokens = answer.json
        else:
            assert (answer.status, answer.error) == (400, "invalid_grant")
        return answer.status


def grant(stored_provider: Provider, scope: str, form: str = "sealed") -> Granted:
    client = stored_provider.create_client(
        "authorization_code", "refresh_token", policy={"access_token_format": form}, scope=EVERY_SCOPE,
        redirect_uris=[REDIRECT_URI], response_types=["code"],
    )  # fmt: skip
    person, pkce = Person(stored_provider.application.test_client()), Pkce()
    person.log_in("alice")
    code = code_of(person.allow(client.client_id, scope=scope, **pkce.parameters))
    fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
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


def test_it_ends_when_the_login_was_unused_for_too_long(stored_provider: Provider) -> None:
    idle = stored_provider.server.settings.session_idle_seconds
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid")
        clock.move_to(START + idle - 1)
        assert granted.refresh() == 200
        clock.move_to(START + idle)
        assert not granted.is_active()
        assert not granted.is_refreshable()
        assert granted.refresh() == 400


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
    assert "refresh_token_reused" not in stored_provider.read_everything()


@pytest.mark.parametrize("seconds", ["session_idle_seconds", "session_seconds"])
def test_logging_in_again_brings_nothing_back_to_life(stored_provider: Provider, seconds: str) -> None:
    with time_machine.travel(START, tick=False) as clock:
        granted = grant(stored_provider, "openid")
        clock.shift(getattr(stored_provider.server.settings, seconds))
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
