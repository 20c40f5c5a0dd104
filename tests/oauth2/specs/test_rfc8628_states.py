"""The states of a device code, whatever its device, two people and the clock do in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from hypothesis.strategies import booleans, sampled_from

from tests.support.device_flow import DEVICE_DECISION, create_device_client, enter, page_of, poll, start_device
from tests.support.person import Person
from tests.support.token_requests import Provider, open_provider

NAMES = sampled_from(["alice", "bob"])
WHAT_A_POLL_GETS = {"waiting": "authorization_pending", "denied": "access_denied", "expired": "expired_token"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder: Path = tmp_path_factory.mktemp("states")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite") as opened:
        yield opened


def make_machine(provider: Provider) -> type[RuleBasedStateMachine]:
    people = {name: Person(provider.application.test_client()) for name in ("alice", "bob")}
    for name, person in people.items():
        assert person.log_in(name).status == 303
    client = create_device_client(provider)

    def change(sql: str) -> None:
        with provider.server.database.engine.begin() as connection:
            connection.exec_driver_sql(sql)

    class Device(RuleBasedStateMachine):
        @initialize()
        def start(self) -> None:
            self.codes: dict[str, Any] = start_device(provider, client)
            self.state, self.is_expired, self.entered_by, self.allowed_by = "waiting", False, "", ""
            self.has_polled = False
            change("DELETE FROM oauth2_user_code_guess")

        @rule(name=NAMES)
        def enter(self, name: str) -> None:
            is_open = self.state == "waiting" and not self.is_expired and self.entered_by in ("", name)
            answer = enter(people[name], self.codes["user_code"])
            assert answer.status == (303 if is_open or self.entered_by == name else 422)
            if is_open:
                self.entered_by = name
            change("DELETE FROM oauth2_user_code_guess")

        @rule(name=NAMES, is_allowed=booleans())
        def decide(self, name: str, is_allowed: bool) -> None:
            page = people[name].get(page_of(self.codes["user_code"]))
            is_open = self.state == "waiting" and not self.is_expired and self.entered_by == name
            assert ('name="confirm"' in page.text) == is_open
            fields = {**page.hidden_fields(), "user_code": self.codes["user_code"]}
            people[name].post(DEVICE_DECISION, {**fields, "confirm": "yes" if is_allowed else "no"})
            if is_open:
                self.state, self.allowed_by = ("allowed", name) if is_allowed else ("denied", "")

        @rule()
        def expire(self) -> None:
            change("UPDATE oauth2_device_code SET expires_at = created_at - 1 WHERE used_at IS NULL")
            self.is_expired = True

        @rule(waits=booleans())
        def poll(self, waits: bool) -> None:
            if waits:
                change("UPDATE oauth2_device_code SET polled_at = 0")
            answer = poll(provider, client, self.codes["device_code"])
            is_too_soon, self.has_polled = self.has_polled and not waits, True
            if self.state == "redeemed":
                assert answer.error == "invalid_grant"
            elif is_too_soon:
                assert answer.error == "slow_down"
            elif self.is_expired:
                assert answer.error == "expired_token"
            elif self.state == "allowed":
                token = answer.json["access_token"]
                me = provider.get("/api/me", Authorization=f"Bearer {token}").json
                assert me["username"] == self.allowed_by
                self.state = "redeemed"
            else:
                assert answer.error == WHAT_A_POLL_GETS[self.state]

    return Device


@pytest.mark.usefixtures("stopped_clock")
def test_a_device_gets_tokens_of_who_allowed_it_once_and_nothing_else(provider: Provider) -> None:
    short = settings(
        max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(make_machine(provider), settings=short)
