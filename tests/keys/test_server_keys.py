"""Keys: made once, encrypted at rest, rotated without breaking what was given before (J10)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import time_machine
from flask import Flask

from tests.support.live_server import LiveServer
from tests.support.person import Person
from tests.support.token_requests import MachineClient, Provider
from tests.support.waiting import ANSWER_SECONDS
from website.keys.key_encryption import new_key
from website.settings import SettingsError


@pytest.fixture
def own(create_application: Callable[..., Flask]) -> Provider:
    return Provider(create_application())


def run(provider: Provider, *arguments: str) -> str:
    result = provider.application.test_cli_runner().invoke(args=list(arguments))
    assert result.exit_code == 0, result.output
    return str(result.output)


def key_ids(provider: Provider) -> list[str]:
    return [key["kid"] for key in provider.get("/oauth/jwks").json["keys"]]


def jwt_client(provider: Provider) -> MachineClient:
    return provider.create_client(
        "password", "refresh_token", "client_credentials", scope="profile", policy={"access_token_format": "jwt"}
    )


def test_initdb_says_what_it_did_and_is_safe_to_run_again(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(initdb=False))
    first, second = run(provider, "initdb"), run(provider, "initdb")
    assert "Tables: created" in first
    assert "Keys: 4 created" in first
    assert "Tables: up to date" in second
    assert "Keys: nothing missing" in second


def test_two_who_create_keys_at_once_make_each_key_once(
    create_application: Callable[..., Flask], database_uri: str
) -> None:
    provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri, initdb=False))
    provider.application.test_cli_runner().invoke(args=["db", "upgrade"])
    starters = [threading.Thread(target=provider.server.keys.create_missing) for _ in range(6)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert sorted((key.purpose, key.slot) for key in provider.server.keys.list_all()) == [
        ("sealing", "current"), ("sealing", "next"), ("signing", "current"), ("signing", "next"),
    ]  # fmt: skip


def test_no_private_key_is_published_or_stored_in_clear(own: Provider) -> None:
    published = own.get("/oauth/jwks").json["keys"]
    assert len(published) == 2
    for key in published:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    stored = own.read_everything()
    private = own.server.keys.keyring.signing["ES256"].key.as_dict(private=True)["d"]
    assert private not in stored
    assert repr(own.server.keys.keyring.sealing.secret)[2:-1] not in stored
    assert json.dumps("d") not in stored


def test_rotation_breaks_nothing_that_was_given_before(own: Provider) -> None:
    sealed, signed = own.create_client("password", "refresh_token", scope="profile"), jwt_client(own)
    before = [(client, own.log_in(client)) for client in (sealed, signed)]
    current, coming = own.server.keys.keyring.signing["ES256"].kid, key_ids(own)
    run(own, "keys", "rotate")
    assert own.server.keys.keyring.signing["ES256"].kid in set(coming) - {current}
    assert set(coming) < set(key_ids(own))
    for client, tokens in before:
        assert own.is_active(client, tokens["access_token"])
        assert own.refresh(client, tokens["refresh_token"]).status == 200
    assert own.is_active(signed, own.log_in(signed)["access_token"])


def test_a_retired_key_goes_when_its_last_token_has_expired(own: Provider) -> None:
    former = own.server.keys.keyring.signing["ES256"].kid
    run(own, "keys", "rotate", "--purpose", "signing")
    assert former in key_ids(own)
    with time_machine.travel(own.server.keys.list_all()[-1].created_at + 4 * 3600, tick=False):
        own.server.cache_invalidation.forget()
        assert former not in key_ids(own)
    own.server.cache_invalidation.forget()


def test_twenty_rotations_leave_one_current_and_one_next_key(own: Provider) -> None:
    for _time in range(20):
        run(own, "keys", "rotate")
    listed = own.server.keys.list_all()
    assert [key.state for key in listed if key.purpose == "signing"].count("current") == 1
    assert [key.state for key in listed if key.purpose == "sealing"].count("next") == 1
    assert "retired" in run(own, "keys", "list")


def test_another_process_learns_of_a_rotation(live_server: Callable[..., LiveServer]) -> None:
    server = live_server("granian")
    before = requests.get(f"{server.url}/oauth/jwks", timeout=ANSWER_SECONDS).json()["keys"]
    server.run_command("keys", "rotate")
    deadline = time.monotonic() + 5
    while len(requests.get(f"{server.url}/oauth/jwks", timeout=ANSWER_SECONDS).json()["keys"]) == len(before):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_key_encryption_key_can_be_changed_with_the_former_as_a_fallback(
    create_application: Callable[..., Flask],
) -> None:
    first, second = "A" * 43, "B" * 42 + "A"
    before = Provider(create_application(OAUTH2_KEY_ENCRYPTION_KEY=first))
    client = before.create_client(scope="profile")
    token = before.get_token(client)["access_token"]
    wrong = Provider(create_application(initdb=False, OAUTH2_KEY_ENCRYPTION_KEY=second))
    with pytest.raises(SettingsError, match="OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS"):
        _ = wrong.server.keys.keyring
    result = wrong.application.test_cli_runner().invoke(args=["initdb"])
    assert result.exit_code != 0
    assert "OAUTH2_KEY_ENCRYPTION_KEY" in result.output
    assert "Traceback" not in result.output
    after = Provider(
        create_application(initdb=False, OAUTH2_KEY_ENCRYPTION_KEY=second, OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS=[first])
    )
    assert after.is_active(client, token)


def test_reencrypted_keys_need_no_fallback(create_application: Callable[..., Flask], database_uri: str) -> None:
    first, second, stored = "A" * 43, "B" * 42 + "A", {"SQLALCHEMY_DATABASE_URI": database_uri}
    before = Provider(create_application(OAUTH2_KEY_ENCRYPTION_KEY=first, **stored))
    client = before.create_client(scope="profile")
    token = before.get_token(client)["access_token"]
    run(before, "keys", "rotate")
    both = {"OAUTH2_KEY_ENCRYPTION_KEY": second, "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS": [first]}
    assert "6 keys" in run(Provider(create_application(initdb=False, **both, **stored)), "keys", "reencrypt")
    after = Provider(create_application(initdb=False, OAUTH2_KEY_ENCRYPTION_KEY=second, **stored))
    assert after.is_active(client, token)
    assert after.is_active(client, after.get_token(client)["access_token"])


def test_keys_that_cannot_be_opened_are_not_reencrypted(create_application: Callable[..., Flask]) -> None:
    before = Provider(create_application(OAUTH2_KEY_ENCRYPTION_KEY="A" * 43))
    wrong = create_application(initdb=False, OAUTH2_KEY_ENCRYPTION_KEY="B" * 42 + "A")
    result = wrong.test_cli_runner().invoke(args=["keys", "reencrypt"])
    assert result.exit_code == 1
    assert "OAUTH2_KEY_ENCRYPTION_KEY_FALLBACKS" in result.output
    assert before.server.keys.keyring.signing["ES256"].kid


def test_replaced_keys_end_every_token_and_are_gone(
    create_application: Callable[..., Flask], database_uri: str
) -> None:
    own = Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri))
    sealed, signed = own.create_client("password", "refresh_token", scope="profile"), jwt_client(own)
    run(own, "keys", "rotate")
    former = {key.id for key in own.server.keys.list_all()}
    before = [(client, own.log_in(client)) for client in (sealed, signed)]
    run(own, "keys", "replace", "--yes")
    assert former.isdisjoint(key.id for key in own.server.keys.list_all())
    assert sorted(key.slot for key in own.server.keys.list_all()) == ["current", "current", "next", "next"]
    for client, tokens in before:
        assert not own.is_active(client, tokens["access_token"])
        assert own.refresh(client, tokens["refresh_token"]).error == "invalid_grant"
        assert own.is_active(client, own.log_in(client)["access_token"])
    assert set(key_ids(own)).isdisjoint(former)


def test_replacing_one_kind_of_keys_leaves_the_other(own: Provider) -> None:
    sealed, signed = own.create_client(scope="profile"), jwt_client(own)
    tokens = [own.get_token(client)["access_token"] for client in (sealed, signed)]
    run(own, "keys", "replace", "--purpose", "signing", "--yes")
    assert own.is_active(sealed, tokens[0])
    assert not own.is_active(signed, tokens[1])


def test_a_change_at_the_moment_in_which_the_keys_are_cached_is_not_lost(own: Provider) -> None:
    keys, changes = own.server.keys, own.server.cache_invalidation
    change = threading.Thread(target=changes.forget)

    class Version(int):
        """A version that changes, in another thread, while it is compared."""

        __hash__ = int.__hash__

        def __eq__(self, other: object) -> bool:
            change.start()
            change.join(0.2)  # it may have to wait
            return True

    changes.check_now()
    changes.forget()
    keys._version = Version(keys._version)
    assert keys.keyring.signing
    change.join()
    assert keys._keyring is None


def test_replacing_keys_asks_first(own: Provider) -> None:
    before = key_ids(own)
    result = own.application.test_cli_runner().invoke(args=["keys", "replace"], input="n\n")
    assert result.exit_code == 1
    assert key_ids(own) == before


def test_a_lost_key_encryption_key_is_mended_by_replacing_the_keys(create_application: Callable[..., Flask]) -> None:
    client = Provider(create_application(OAUTH2_KEY_ENCRYPTION_KEY="A" * 43)).create_client(scope="profile")
    after = Provider(create_application(initdb=False, OAUTH2_KEY_ENCRYPTION_KEY="B" * 42 + "A"))
    run(after, "keys", "replace", "--yes")
    assert after.is_active(client, after.get_token(client)["access_token"])
    assert "Keys: nothing missing" in run(after, "initdb")


def test_a_changed_secret_key_destroys_nothing(create_application: Callable[..., Flask]) -> None:
    before = Provider(create_application(SECRET_KEY="one" * 20))
    client = before.create_client(scope="profile")
    token = before.get_token(client)["access_token"]
    assert Provider(create_application(initdb=False, SECRET_KEY="two" * 20)).is_active(client, token)


def test_without_tables_every_door_says_what_to_run(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(initdb=False))
    page = provider.get("/", Accept="text/html", Cookie="")
    assert page.status in (200, 503)
    answer = provider.get("/oauth/jwks")
    assert answer.status == 500
    assert "flask initdb" in answer.json["error_description"]


def test_two_who_rotate_at_once_rotate_one_after_the_other(
    create_application: Callable[..., Flask], database_uri: str
) -> None:
    provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri))
    client = jwt_client(provider)
    token = provider.log_in(client)["access_token"]
    with ThreadPoolExecutor() as pool:
        turns = pool.map(lambda _turn: provider.server.keys.rotate("signing", 900), range(4))
        used = {turn.used["ES256"] for turn in turns}
    assert len(used) == 4
    assert provider.is_active(client, token)
    slots = sorted(key.slot for key in provider.server.keys.list_all() if key.purpose == "signing")
    assert slots.count("current") == slots.count("next") == 1
    assert len(slots) == 6


@pytest.mark.parametrize(("fallbacks", "page"), [(["one" * 20], 200), ([], 303)])
def test_a_login_outlives_a_changed_secret_key_with_the_former_as_a_fallback(
    create_application: Callable[..., Flask], fallbacks: list[str], page: int
) -> None:
    browser = create_application(SECRET_KEY="one" * 20).test_client()
    Person(browser).log_in()
    cookie = browser.get_cookie("grantwright")
    assert cookie
    after = create_application(initdb=False, SECRET_KEY="two" * 20, SECRET_KEY_FALLBACKS=fallbacks).test_client()
    after.set_cookie("grantwright", cookie.value)
    assert after.get("/account").status_code == page


def test_commands_without_tables_say_what_to_do(create_application: Callable[..., Flask]) -> None:
    runner = create_application(initdb=False).test_cli_runner()
    for arguments in (["list"], ["rotate"], ["replace", "--yes"], ["reencrypt"]):
        result = runner.invoke(args=["keys", *arguments])

        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert "flask initdb" in result.output, arguments


def test_replacing_half_of_the_keys_that_cannot_be_opened_is_no_success(
    own: Provider, create_application: Callable[..., Flask]
) -> None:
    lost = create_application(initdb=False, OAUTH2_KEY_ENCRYPTION_KEY=new_key()).test_cli_runner()
    half = lost.invoke(args=["keys", "replace", "--purpose", "sealing", "--yes"])
    whole = lost.invoke(args=["keys", "replace", "--yes"])

    assert half.exit_code == 1
    assert "nothing works" in half.output
    assert whole.exit_code == 0
