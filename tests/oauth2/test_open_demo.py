"""Open registration is the demo's default alone, for programs of this machine, in limits; elsewhere 401 says how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.registering_client import REDIRECT_URI, REGISTER, new_token
from tests.support.token_requests import PRODUCTION, Answer, Provider
from website.configuration.loading import HOST, read_configuration
from website.oauth2 import demo_registration_limits

Create = Callable[..., Flask]
DOCUMENT = {"redirect_uris": [REDIRECT_URI]}


def register(provider: Provider, origin: str | None = None, token: str | None = None) -> Answer:
    headers = {} if origin is None else {"Origin": origin}
    headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
    return provider.open("POST", REGISTER, json=DOCUMENT, headers=headers)


def test_the_demo_registers_any_program_of_this_machine(create_application: Create) -> None:
    provider = Provider(create_application())
    assert register(provider).status == 201
    for origin in ("http://localhost:6274", "http://127.0.0.1:6274", "http://[::1]:3000", "https://localhost"):
        assert register(provider, origin).status == 201


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost.evil.example", "http://evil.example:5000", "file://",
     "chrome-extension://abc", "", "http://localhost@evil.example", "http://127.0.0.2"],
)  # fmt: skip
def test_no_page_of_another_machine_registers_anything(create_application: Create, origin: str) -> None:
    provider = Provider(create_application())
    answer = register(provider, origin)
    assert (answer.status, answer.error) == (403, "access_denied")
    assert register(provider, origin, new_token(provider)).status == 201


def test_it_takes_so_many_a_minute_and_in_all(create_application: Create, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider(create_application(OAUTH2_RATE_LIMITS={"register": 3}))
    assert [register(provider).status for _try in range(4)] == [201, 201, 201, 429]
    assert register(provider, token=new_token(provider)).status == 201
    monkeypatch.setattr(demo_registration_limits, "MAX_CLIENTS", 4)
    monkeypatch.setattr(demo_registration_limits, "MINUTE_SECONDS", 0)
    answer = register(provider)
    assert (answer.status, answer.error) == (403, "access_denied")
    assert "flask clients delete" in answer.json["error_description"]


def test_the_usual_numbers_are_sixty_and_a_thousand() -> None:
    assert (demo_registration_limits.MAX_A_MINUTE, demo_registration_limits.MAX_CLIENTS) == (60, 1000)


def test_zero_lifts_both(create_application: Create, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_registration_limits, "MAX_CLIENTS", 1)
    provider = Provider(create_application(OAUTH2_RATE_LIMITS={"register": 0}))
    assert [register(provider).status for _try in range(3)] == [201] * 3


@pytest.mark.parametrize(
    ("layers", "environ", "expected"),
    [
        ([("create_app()", {})], {}, "open"),
        ([("create_app()", {"OAUTH2_REGISTRATION": "token"})], {}, "token"),
        ([("create_app()", {})], {"OAUTH2_REGISTRATION": "off"}, "off"),
        ([("create_app()", PRODUCTION)], {}, "token"),
        ([(HOST, {})], {}, "token"),
        ([(HOST, {"OAUTH2_REGISTRATION": "open"})], {}, "open"),
    ],
)
def test_it_is_the_demo_s_default_alone(layers: Any, environ: dict[str, str], expected: str) -> None:
    assert read_configuration(layers, environ).settings.registration == expected


def test_without_a_token_the_answer_says_how_to_get_one(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_REGISTRATION="token"))
    for token in (None, ""):
        answer = register(provider, token=token)
        assert answer.status == 401
        for text in (answer.json["error_description"], answer.headers["WWW-Authenticate"]):
            assert "flask initial-access-tokens create" in text
            assert "Authorization: Bearer" in text
    assert "used up" in register(provider, token="gwia_wrong").json["error_description"]
