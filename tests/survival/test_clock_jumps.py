"""A clock that jumps ahead or back, and returns: no chain of refresh tokens dies, and no valid token is lost."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask

from tests.support.token_requests import Provider

HOUR = 3600


@pytest.fixture
def provider(create_application: Callable[..., Flask], database_uri: str) -> Provider:
    return Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri))


@pytest.mark.parametrize(
    "jump", [HOUR, -HOUR, 61, -61, *(pytest.param(days * 86400, marks=pytest.mark.soak) for days in (1, -1))]
)
def test_a_clock_that_jumps_and_returns_costs_nothing(provider: Provider, jump: int) -> None:
    client = provider.create_client("password", "refresh_token", "client_credentials", scope="profile")
    now = time.time()
    with time_machine.travel(now, tick=False) as traveller:
        first = given = provider.log_in(client)
        for difference in (jump, 0, jump, 0):
            traveller.move_to(now + difference)
            answer = provider.refresh(client, given["refresh_token"])
            assert answer.status == 200, (difference, answer.json)
            given = answer.json
            own = provider.get_token(client)["access_token"]
            assert provider.is_active(client, given["access_token"])
            assert provider.is_active(client, own)
        assert provider.is_active(client, first["access_token"])
