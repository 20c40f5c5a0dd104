"""No clock tells what the answers hide: whether an account or a client is there (U7, T3). Long form only."""

from __future__ import annotations

import base64
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import text

from tests.support.mail_server import open_mail_server
from tests.support.passkeys import give_passkey
from tests.support.token_requests import FORM, PRODUCTION, TOKEN, Provider, basic, open_provider

pytestmark = [pytest.mark.soak, pytest.mark.usefixtures("real_password_hashes")]
PAIRS = 200
#: Of so many random relabellings, the share that differs as much as what was measured. Below it, the difference is one.
SHUFFLES, CHANCE = 2000, 0.001
UNTHROTTLED = {
    "OAUTH2_LOGIN_TRIES_PER_ACCOUNT": 0,
    "OAUTH2_LOGIN_TRIES_PER_ADDRESS": 0,
    "OAUTH2_RATE_LIMITS": {"login": 0, "token": 0},
}


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **PRODUCTION, **UNTHROTTLED) as opened:
        yield opened


def chance_of(first: list[float], second: list[float]) -> float:
    """Return how often chance alone makes the medians of two such series differ by as much (a permutation test)."""
    measured = abs(statistics.median(first) - statistics.median(second))
    both = [*first, *second]
    as_large = 0
    for _ in range(SHUFFLES):
        random.shuffle(both)
        as_large += abs(statistics.median(both[: len(first)]) - statistics.median(both[len(first) :])) >= measured
    return (as_large + 1) / (SHUFFLES + 1)


def compare(first: Callable[[], object], second: Callable[[], object]) -> float:
    """Call both in turn, in random order; return the chance that they take equally long."""
    timed: tuple[list[float], list[float]] = ([], [])
    for pair in range(PAIRS + 10):
        for number in random.sample((0, 1), 2):
            began = time.perf_counter()
            (first, second)[number]()
            if pair >= 10:  # the first ones warm everything up
                timed[number].append(time.perf_counter() - began)
    medians = [statistics.median(series) * 1e6 for series in timed]
    chance = chance_of(*timed)
    print(f"medians {medians[0]:.0f} and {medians[1]:.0f} us, chance {chance:.3f}")
    return chance


def take_equally_long(first: Callable[[], object], second: Callable[[], object]) -> bool:
    """Whether no difference shows; one in a thousand comparisons shows one by chance, so a second one decides."""
    return compare(first, second) > CHANCE or compare(first, second) > CHANCE


def set_up_app(provider: Provider, username: str, password: str) -> None:
    """Set up an authenticator app for an account: its password alone then logs nobody in."""
    account, secret = provider.server.users.authenticate(username, password), bytes(range(20))
    code = pyotp.TOTP(base64.b32encode(secret).decode()).now()
    assert provider.server.accounts.second_factors.add_totp(account, secret, code)


def test_the_test_notices_a_difference_of_a_tenth() -> None:
    def work(rounds: int) -> None:
        sum(range(rounds))

    assert not take_equally_long(lambda: work(20_000), lambda: work(22_000))


@pytest.mark.parametrize("has_app", [False, True], ids=["without a second factor", "with an authenticator app"])
def test_a_name_that_nobody_has_takes_as_long_as_a_wrong_password(provider: Provider, has_app: bool) -> None:
    provider.server.users.create("alice", "correct horse battery")
    if has_app:
        set_up_app(provider, "alice", "correct horse battery")
    door = provider.application.test_client()

    def try_as(name: str) -> tuple[int, int]:
        page = door.get("/", base_url="https://id.example")
        field = page.get_data(as_text=True).partition('name="csrf_token" value="')[2].partition('"')[0]
        fields = {"csrf_token": field, "username": name, "password": "wrong horse battery"}
        answer = door.post("/", data=fields, base_url="https://id.example")
        return answer.status_code, len(answer.get_data())

    assert try_as("alice") == try_as("nobod")
    assert take_equally_long(lambda: try_as("alice"), lambda: try_as("nobod"))


def test_options_of_passkeys_take_as_long_for_a_name_that_nobody_has(provider: Provider) -> None:
    provider.server.users.create("alice", "correct horse battery")
    give_passkey(provider.application, "alice")
    door = provider.application.test_client()

    def ask_for(name: str) -> tuple[int, int]:
        answer = door.get(f"/login/passkey/options?username={name}&login_hint={name}", base_url="https://id.example")
        assert answer.json["options"]["allowCredentials"] == []
        return answer.status_code, len(answer.get_data())

    assert ask_for("alice") == ask_for("nobod") == (200, ask_for("nobod")[1])
    assert take_equally_long(lambda: ask_for("alice"), lambda: ask_for("nobod"))


def test_a_client_that_is_not_there_takes_as_long_as_a_wrong_secret(provider: Provider) -> None:
    client = provider.create_client("client_credentials")

    def ask_as(client_id: str) -> tuple[int, bytes]:
        headers = {"Authorization": basic(client_id, "wrong")}
        answer = provider.open("POST", TOKEN, data="grant_type=client_credentials", content_type=FORM, headers=headers)
        return answer.status, answer.body

    unknown = "x" * len(client.client_id)
    assert ask_as(client.client_id) == ask_as(unknown)
    assert take_equally_long(lambda: ask_as(client.client_id), lambda: ask_as(unknown))


def test_a_forgotten_password_takes_as_long_for_a_name_that_nobody_has(tmp_path: Path) -> None:
    with open_mail_server(tmp_path / "mail") as mail:
        settings = {**PRODUCTION, **UNTHROTTLED, **mail.settings}
        with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **settings) as provider:
            verified = {"email": "alice@people.example"}, {"email_verified": True}
            provider.server.users.create("alice", "correct horse battery", *verified)
            door = provider.application.test_client()

            def ask_for(name: str) -> tuple[int, int]:
                page = door.get("/forgot_password", base_url="https://id.example")
                field = page.get_data(as_text=True).partition('name="csrf_token" value="')[2].partition('"')[0]
                fields = {"csrf_token": field, "username": name}
                with provider.server.database.engine.begin() as connection:  # an address gets few emails in a row
                    connection.execute(text("DELETE FROM oauth2_login_throttle"))
                answer = door.post("/forgot_password", data=fields, base_url="https://id.example")
                return answer.status_code, len(answer.get_data())

            assert ask_for("alice") == ask_for("nobod") == (303, ask_for("nobod")[1])
            assert take_equally_long(lambda: ask_for("alice"), lambda: ask_for("nobod"))
            assert mail.messages


def test_a_sign_up_takes_as_long_for_an_address_that_has_an_account(tmp_path: Path) -> None:
    with open_mail_server(tmp_path / "mail") as mail:
        settings = {**PRODUCTION, **UNTHROTTLED, **mail.settings, "OAUTH2_JOINING": "open"}
        with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **settings) as provider:
            verified = {"email": "alice@people.example"}, {"email_verified": True}
            provider.server.users.create("alice", "correct horse battery", *verified)
            door = provider.application.test_client()

            def sign_up(address: str) -> tuple[int, int]:
                page = door.get("/sign_up", base_url="https://id.example")
                field = page.get_data(as_text=True).partition('name="csrf_token" value="')[2].partition('"')[0]
                fields = {"csrf_token": field, "email": address}
                answer = door.post("/sign_up", data=fields, base_url="https://id.example")
                return answer.status_code, len(answer.get_data())

            alice, nobody = "alice@people.example", "nobod@people.example"
            assert sign_up(alice) == sign_up(nobody) == (200, sign_up(nobody)[1])
            assert take_equally_long(lambda: sign_up(alice), lambda: sign_up(nobody))
            assert mail.messages
