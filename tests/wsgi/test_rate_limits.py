"""How many requests one address may send to what costs us something: 429 above it, in production only (N4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.residents import PASSWORD, Resident, add_client, add_user
from tests.support.token_requests import FORM, PRODUCTION, TOKEN, Answer, MachineClient, Provider, open_provider
from website.settings import RATE_LIMITS, SettingsError

LIMITS = {"token": 3, "authorize": 4, "login": 2}
SECONDS_EACH = {name: 60 / limit for name, limit in LIMITS.items()}
ADDRESSES = (f"198.51.{number // 200}.{number % 200}" for number in range(50_000))


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("instance")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **PRODUCTION, OAUTH2_RATE_LIMITS=LIMITS) as opened:
        add_user(opened)
        yield opened


@pytest.fixture
def machine(provider: Provider) -> MachineClient:
    """A client that nothing was charged to yet."""
    return add_client(provider)


@pytest.fixture
def stranger(machine: MachineClient) -> MachineClient:
    """Somebody who knows the client_id, and not the secret."""
    return replace(machine, secret="wrong")


@pytest.fixture
def here() -> str:
    """An address that nothing came from yet."""
    return next(ADDRESSES)


@pytest.fixture
def there() -> str:
    """Another one."""
    return next(ADDRESSES)


def ask_token(provider: Provider, client: MachineClient, address: str) -> Answer:
    return provider.open(
        "POST",
        TOKEN,
        data="grant_type=client_credentials",
        content_type=FORM,
        headers={"Authorization": client.basic},
        environ_overrides={"REMOTE_ADDR": address},
    )


def send_until_refused(send: Callable[[], Answer]) -> tuple[int, Answer]:
    """Return how many requests were answered before the first 429, and that."""
    for answered in range(5000):
        answer = send()
        if answer.status == 429:
            return answered, answer
    raise AssertionError("nothing was ever refused")


def retry_after(answer: Answer) -> int:
    return int(answer.headers["Retry-After"])


def ask_authorization(provider: Provider, address: str, method: str = "GET", **headers: str) -> Answer:
    overrides = {"REMOTE_ADDR": address}
    return provider.open(method, "/oauth/authorize", environ_overrides=overrides, headers=headers)


def test_the_token_endpoint_takes_so_many_failed_requests_of_one_address(
    provider: Provider, machine: MachineClient, stranger: MachineClient, here: str, there: str
) -> None:
    assert [ask_token(provider, stranger, here).status for _ in range(5)] == [401, 401, 401, 429, 429]
    refused = ask_token(provider, machine, here)
    assert refused.error == "temporarily_unavailable"
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.headers["Cache-Control"] == "no-store"
    assert SECONDS_EACH["token"] - 5 <= retry_after(refused) <= SECONDS_EACH["token"] + 1
    assert refused.headers["X-Request-Id"]
    assert ask_token(provider, machine, there).status == 200


def test_the_wait_that_is_told_is_long_enough_and_gives_no_new_minute(
    tmp_path: Path, sqlite_uri: str, here: str
) -> None:
    a_second = 10
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION, OAUTH2_RATE_LIMITS={"token": a_second * 60}) as node:
        client = replace(node.create_client(), secret="wrong")
        answered, refused = send_until_refused(lambda: ask_token(node, client, here))
        assert answered >= a_second * 60
        assert refused.headers["Retry-After"] == "1"
        began = time.monotonic()
        time.sleep(1)
        statuses = [ask_token(node, client, here).status for _ in range(a_second * 20)]
        seconds = time.monotonic() - began
        assert statuses[0] == 401
        assert statuses.count(401) <= (seconds + 1) * a_second + 1


def test_the_authorization_endpoint_counts_every_method(provider: Provider, here: str, there: str) -> None:
    statuses = [
        ask_authorization(provider, here, method=method).status for method in ("GET", "POST", "HEAD", "GET", "GET")
    ]
    assert 429 not in statuses[:4]
    assert statuses[4] == 429
    assert ask_authorization(provider, there).status != 429


def test_a_browser_is_told_on_a_page_and_a_program_in_json(provider: Provider, here: str) -> None:
    for _ in range(LIMITS["authorize"]):
        ask_authorization(provider, here)
    page = ask_authorization(provider, here, Accept="text/html,application/xhtml+xml")
    assert page.status == 429
    assert 1 <= retry_after(page) <= SECONDS_EACH["authorize"] + 1
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"Too many requests" in page.body
    assert b"<script" not in page.body
    assert ask_authorization(provider, here, Accept="application/json").error == "temporarily_unavailable"


def test_logins_are_counted_and_looking_at_the_page_is_not(provider: Provider, here: str, there: str) -> None:
    browser = Resident(provider.application, here)
    assert {browser.get("/").status for _ in range(10)} == {200}
    assert [browser.log_in().status for _ in range(3)] == [303, 303, 429]
    refused = browser.log_in()
    assert 1 <= int(refused.headers["Retry-After"]) <= SECONDS_EACH["login"] + 1
    assert "Too many requests" in refused.text
    assert Resident(provider.application, there).log_in().status == 303


@pytest.mark.parametrize("path", ["/set_password", "/account/password", "/account/delete"])
def test_other_forms_that_take_a_password_count_as_logins(provider: Provider, here: str, there: str, path: str) -> None:
    browser = Resident(provider.application, here)
    assert 429 not in {browser.get(path).status for _ in range(5)}
    assert [browser.post(path, {}).status == 429 for _ in range(3)] == [False, False, True]
    assert browser.log_in().status == 429
    assert Resident(provider.application, there).log_in().status == 303


def test_the_right_password_gets_no_further_than_a_wrong_one(provider: Provider, here: str) -> None:
    browser = Resident(provider.application, here)
    assert [browser.log_in(password="wrong " + PASSWORD).status for _ in range(2)] == [422, 422]
    assert browser.log_in().status == 429


def test_the_limits_are_counted_apart(provider: Provider, stranger: MachineClient, here: str) -> None:
    assert [ask_token(provider, stranger, here).status for _ in range(4)][-1] == 429
    assert ask_authorization(provider, here).status != 429
    assert Resident(provider.application, here).log_in().status == 303


def test_what_costs_little_is_not_limited(provider: Provider, machine: MachineClient, here: str) -> None:
    for path in ("/", "/healthz", "/oauth/jwks", "/.well-known/oauth-authorization-server", "/api/me"):
        overrides = {"REMOTE_ADDR": here}
        assert 429 not in {provider.open("GET", path, environ_overrides=overrides).status for _ in range(10)}
    answers = {provider.introspect(machine, "gwat_x")["active"] for _ in range(10)}
    assert answers == {False}


def test_an_ipv6_subscriber_is_one_address(provider: Provider, machine: MachineClient, stranger: MachineClient) -> None:
    statuses = [ask_token(provider, stranger, f"2001:db8:1:2::{last}").status for last in range(1, 5)]
    assert statuses == [401, 401, 401, 429]
    assert ask_token(provider, machine, "2001:db8:1:3::1").status == 200


def test_no_header_of_the_clients_own_changes_the_address(
    provider: Provider, stranger: MachineClient, here: str
) -> None:
    def ask(number: int) -> int:
        headers = {"Authorization": stranger.basic, "X-Forwarded-For": f"192.0.2.{number}", "X-Real-Ip": "192.0.2.9"}
        overrides = {"REMOTE_ADDR": here}
        body = "grant_type=client_credentials"
        answer = provider.open(
            "POST", TOKEN, data=body, content_type=FORM, headers=headers, environ_overrides=overrides
        )
        return answer.status

    assert [ask(number) for number in range(4)] == [401, 401, 401, 429]


def test_behind_a_trusted_proxy_the_address_is_the_one_it_gives(
    tmp_path: Path, sqlite_uri: str, here: str, there: str
) -> None:
    settings = {**PRODUCTION, "OAUTH2_TRUSTED_PROXIES": 1, "OAUTH2_RATE_LIMITS": {"token": 1}}
    with open_provider(tmp_path, sqlite_uri, **settings) as node:
        client = replace(node.create_client(), secret="wrong")

        def ask_from(forwarded: str) -> int:
            headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"}
            return node.post(TOKEN, {"grant_type": "client_credentials"}, client, **headers).status

        assert [ask_from(address) for address in (here, there, f"{there}, {here}", there)] == [401, 401, 429, 429]


def test_nought_switches_one_off_and_the_others_keep_their_defaults(tmp_path: Path, sqlite_uri: str, here: str) -> None:
    settings = {**PRODUCTION, "OAUTH2_RATE_LIMITS": {"token": 0}}
    with open_provider(tmp_path, sqlite_uri, **settings) as node:
        client = node.create_client()
        overrides = {"REMOTE_ADDR": here}

        def knock() -> Answer:
            return node.open("POST", "/", data="", content_type=FORM, environ_overrides=overrides)

        assert {ask_token(node, client, here).status for _ in range(20)} == {200}
        began = time.monotonic()
        answered, _refused = send_until_refused(knock)
        a_minute = RATE_LIMITS["login"]
        assert a_minute <= answered <= a_minute + (time.monotonic() - began) * a_minute / 60 + 1


@pytest.mark.parametrize(
    "limits",
    [
        {"token": -1}, {"token": "many"}, {"token": 1.5}, {"tokens": 5}, {"token": True},
        {"trusted_networks": "10.0.0.0/8"}, {"trusted_networks": ["10.0.0.1/8"]}, {"trusted_networks": [10]},
        {"trusted_networks": ["office"]}, {"trusted_networks": 0},
    ],
)  # fmt: skip
def test_limits_that_are_none_stop_the_start_with_their_name(
    tmp_path: Path, sqlite_uri: str, limits: dict[str, Any]
) -> None:
    settings = {**PRODUCTION, "OAUTH2_RATE_LIMITS": limits}
    with (
        pytest.raises(SettingsError, match="OAUTH2_RATE_LIMITS"),
        open_provider(tmp_path, sqlite_uri, **settings),
    ):
        pass


def test_the_demo_has_no_limits(create_application: Any) -> None:
    application: Flask = create_application(OAUTH2_RATE_LIMITS={"token": 1, "authorize": 1, "login": 1})
    provider = Provider(application)
    client = provider.create_client()
    assert {provider.ask_token(client).status for _ in range(5)} == {200}
    assert 429 not in {provider.get("/oauth/authorize").status for _ in range(5)}
    assert 429 not in {provider.post("/", {}).status for _ in range(5)}
