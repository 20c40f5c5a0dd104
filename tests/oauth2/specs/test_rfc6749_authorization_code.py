"""Authorization codes over HTTP: what a code is bound to, that it works once, and what replay costs (C3 to C6)."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask

from tests.support.code_flow import Flow
from tests.support.person import Pkce, RegisteredClient


@pytest.fixture
def flow(application: Flask) -> Flow:
    return Flow(application)


def test_a_code_gives_tokens_that_open_the_api(flow: Flow) -> None:
    pkce = Pkce()
    answer = flow.redeem(flow.new_code(pkce), pkce)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    token = answer.get_json()
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 600
    me = flow.person.get("/api/me", Authorization=f"Bearer {token['access_token']}")
    assert '"username":"alice"' in me.text.replace(" ", "")


def test_a_client_without_refresh_gets_no_refresh_token(application: Flask) -> None:
    flow, pkce = Flow(application, grant_type="authorization_code"), Pkce()
    assert "refresh_token" not in flow.redeem(flow.new_code(pkce), pkce).get_json()


def test_a_second_redemption_fails_and_kills_what_the_first_gave(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce)
    token = flow.redeem(code, pkce).get_json()
    assert flow.is_active(token["access_token"])
    again = flow.redeem(code, pkce)
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")
    assert not flow.is_active(token["access_token"])
    assert not flow.is_active(token["refresh_token"])
    me = flow.person.get("/api/me", Authorization=f"Bearer {token['access_token']}")
    assert me.status == 401


def test_a_replayed_code_kills_a_jwt_access_token_through_its_grant(application: Flask) -> None:
    flow, pkce = Flow(application, access_token_format="jwt"), Pkce()
    code = flow.new_code(pkce)
    token = flow.redeem(code, pkce).get_json()["access_token"]
    assert token.count(".") == 2
    assert flow.is_active(token)
    flow.redeem(code, pkce)
    assert not flow.is_active(token)


def test_a_replay_kills_tokens_that_were_refreshed_since(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce)
    first = flow.redeem(code, pkce).get_json()
    second = (
        flow.application.test_client()
        .post(
            "/oauth/token",
            data={"grant_type": "refresh_token", "refresh_token": first["refresh_token"]},
            headers=flow.client.basic,
        )
        .get_json()
    )
    flow.redeem(code, pkce)
    assert not flow.is_active(second["access_token"])
    assert not flow.is_active(second["refresh_token"])


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": None},
        {"redirect_uri": "https://client.example/other"},
        {"redirect_uri": None},
    ],
)
def test_a_failed_try_by_its_own_client_burns_the_code(flow: Flow, change: dict[str, str | None]) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce)
    assert flow.redeem(code, pkce, **change).status_code == 400
    again = flow.redeem(code, pkce)
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")


def test_another_clients_try_changes_nothing(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce)
    other = flow.person.create_client(client_name="Other")
    stolen = flow.redeem(code, pkce, client=other)
    assert (stolen.status_code, stolen.get_json()["error"]) == (400, "invalid_grant")
    assert flow.redeem(code, pkce).status_code == 200
    assert flow.redeem(code, pkce, client=other).status_code == 400


def test_another_clients_replay_does_not_revoke(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce)
    token = flow.redeem(code, pkce).get_json()["access_token"]
    other = flow.person.create_client(client_name="Other")
    flow.redeem(code, pkce, client=other)
    assert flow.is_active(token)


def test_a_try_with_a_wrong_secret_changes_nothing(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce)
    impostor = RegisteredClient(flow.client.client_id, "gwcs_wrong")
    assert flow.redeem(code, pkce, client=impostor).status_code == 401
    assert flow.redeem(code, pkce).status_code == 200


def test_a_code_expires_after_a_minute(flow: Flow) -> None:
    pkce = Pkce()
    with time_machine.travel(1_800_000_000, tick=False) as traveller:
        flow.person.log_in()
        code = flow.new_code(pkce)
        traveller.shift(59)
        assert flow.redeem(code, pkce).status_code == 200
        late = flow.new_code(pkce)
        traveller.shift(60)
        assert flow.redeem(late, pkce).get_json()["error"] == "invalid_grant"


def test_a_code_without_its_redirect_uri_where_the_request_named_none(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce, redirect_uri=None)
    assert flow.redeem(code, pkce, redirect_uri=None).status_code == 200
    code = flow.new_code(pkce, redirect_uri=None)
    assert flow.redeem(code, pkce).status_code == 200
    code = flow.new_code(pkce, redirect_uri=None)
    assert flow.redeem(code, pkce, redirect_uri="https://evil.example/cb").status_code == 400


def test_codes_are_long_random_and_stored_as_hashes(flow: Flow) -> None:
    codes = [flow.new_code(Pkce()) for _ in range(60)]
    assert len(set(codes)) == len(codes)
    characters = Counter("".join(code.removeprefix("gwac_") for code in codes))
    total = sum(characters.values())
    bits = -sum(count / total * math.log2(count / total) for count in characters.values())
    assert bits * (len(codes[0]) - len("gwac_")) >= 160
    path = flow.application.extensions["grantwright"].database.engine.url.database
    with sqlite3.connect(path) as database:
        stored = "\n".join(database.iterdump())
    assert not any(code in stored or code.removeprefix("gwac_") in stored for code in codes)


def test_a_code_of_a_deleted_client_is_worth_nothing(flow: Flow) -> None:
    pkce = Pkce()
    code = flow.new_code(pkce)
    server = flow.application.extensions["grantwright"]
    server.clients.delete(server.clients.find(flow.client.client_id).id)
    assert flow.redeem(code, pkce).status_code == 401


def test_a_missing_code_is_said_so(flow: Flow) -> None:
    answer = flow.redeem("", Pkce())
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("code", ["gwac_", "x", "\x00", "\N{SNOWMAN}", "x" * 10_000, "gwac_" + "A" * 43])
def test_a_made_up_code_is_refused(flow: Flow, code: str) -> None:
    assert flow.redeem(code, Pkce()).status_code == 400


def test_a_public_client_redeems_by_its_verifier(application: Flask) -> None:
    flow, pkce = Flow(application, token_endpoint_auth_method="none"), Pkce()
    assert flow.redeem(flow.new_code(pkce), pkce).status_code == 200


def test_what_is_granted_is_what_was_consented_to(create_application: Callable[..., Flask]) -> None:
    scopes = {"profile": "name", "photos": "photos"}
    flow, pkce = Flow(create_application(OAUTH2_SCOPES=scopes), scope="profile photos"), Pkce()
    code = flow.new_code(pkce, scope="photos")
    answer = flow.redeem(code, pkce, scope="profile photos")
    assert answer.get_json()["scope"] == "photos"
