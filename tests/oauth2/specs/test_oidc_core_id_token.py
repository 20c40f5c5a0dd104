"""The ID token: signed as the client wants it, true to what happened, and bound to what is given beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine
from flask import Flask

from tests.support.openid_client import ISSUER, NONCE, OpenIDClient, half_hash, header_of
from tests.support.person import Person
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website.oauth2.specs.oidc_core_id_token import half_hash as our_half_hash

START = 1_900_000_000


def test_it_says_who_logged_in_when_how_and_for_whom(stored_provider: Provider) -> None:
    site = OpenIDClient.create(stored_provider)
    began = int(time.time())
    site.person.log_in("ada")
    given = site.get_tokens(scope="openid profile")
    claims = site.judge(given["id_token"])
    userinfo = stored_provider.get("/oauth/userinfo", Authorization=f"Bearer {given['access_token']}").json
    sid = claims.pop("sid")
    issued, logged_in = claims.pop("iat"), claims.pop("auth_time")
    assert began <= logged_in <= issued <= int(time.time())
    assert claims == {
        "iss": ISSUER,
        "sub": userinfo["sub"],
        "aud": site.client.client_id,
        "azp": site.client.client_id,
        "exp": issued + 600,
        "nonce": NONCE,
        "acr": "0",  # in the demo nothing is proved
        "at_hash": half_hash(given["access_token"]),
    }
    assert len(sid) == 22
    assert header_of(given["id_token"]).keys() == {"alg", "kid"}


def test_a_password_or_more_is_what_it_says_in_production(
    secure_transport_required: None, create_application: Callable[..., Flask]
) -> None:
    provider = Provider(create_application(**PRODUCTION))
    assert provider.server.metadata.describe(ISSUER)["acr_values_supported"] == ["1", "2", "phr"]


def test_without_openid_there_is_none(provider: Provider) -> None:
    site = OpenIDClient.create(provider)
    site.person.log_in()
    assert "id_token" not in site.get_tokens(scope="profile")


def test_without_a_nonce_it_has_none(provider: Provider) -> None:
    site = OpenIDClient.create(provider)
    site.person.log_in()
    assert "nonce" not in site.judge(site.get_tokens(nonce=None)["id_token"])


@pytest.mark.parametrize("algorithm", [None, "RS256", "ES256"])
def test_it_is_signed_as_the_client_registered_and_by_rs256_otherwise(
    provider: Provider, algorithm: str | None
) -> None:
    registered = {"id_token_signed_response_alg": algorithm} if algorithm else {}
    site = OpenIDClient.create(provider, **registered)
    site.person.log_in()
    given = site.get_tokens()
    assert header_of(given["id_token"])["alg"] == (algorithm or "RS256")
    site.judge(given["id_token"])


@pytest.mark.parametrize(("algorithm", "hash_name"), [("PS256", "sha256"), ("EdDSA", "sha512")])
def test_each_algorithm_binds_by_its_own_hash(tmp_path: Path, algorithm: str, hash_name: str) -> None:
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", OAUTH2_SIGNING_ALGORITHMS=[algorithm]) as provider:
        site = OpenIDClient.create(provider)
        site.person.log_in()
        given = site.get_tokens()
        claims = site.judge(given["id_token"])
        assert claims["at_hash"] == half_hash(given["access_token"], hash_name)


def test_the_example_of_the_standard_has_its_hash() -> None:
    # OpenID Connect Core 1.0, appendix A.3 and A.4.
    assert our_half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"
    code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"
    assert our_half_hash(code, "RS256") == "LDktKdoQak3Pk0cnXxCltA"


def test_a_refresh_brings_one_of_the_same_login_without_the_nonce(stored_provider: Provider) -> None:
    site = OpenIDClient.create(stored_provider)
    with time_machine.travel(START, tick=False) as clock:
        site.person.log_in()
        given = site.get_tokens()
        first = site.judge(given["id_token"])
        clock.shift(100)
        renewed = stored_provider.refresh(site.client, given["refresh_token"]).json
        second = site.judge(renewed["id_token"])
    assert second["iat"] == first["iat"] + 100
    for name in ("iss", "sub", "aud", "auth_time", "sid", "acr"):
        assert second[name] == first[name]
    assert "nonce" not in second
    assert second["at_hash"] == half_hash(renewed["access_token"])


def test_a_narrowed_refresh_without_openid_brings_none(provider: Provider) -> None:
    site = OpenIDClient.create(provider)
    site.person.log_in()
    given = site.get_tokens(scope="openid profile")
    assert "id_token" not in provider.refresh(site.client, given["refresh_token"], scope="profile").json


def test_an_id_token_opens_no_api(provider: Provider) -> None:
    site = OpenIDClient.create(provider)
    site.person.log_in()
    token = site.get_tokens()["id_token"]
    assert provider.get("/oauth/userinfo", Authorization=f"Bearer {token}").status == 401
    assert provider.introspect(site.client, token) == {"active": False}


def test_each_browser_has_a_sid_and_logging_in_again_keeps_it(provider: Provider) -> None:
    site = OpenIDClient.create(provider)
    site.person.log_in()
    first = site.judge(site.get_tokens()["id_token"])
    site.person.post("/?again=1", {**site.person.get("/?again=1").hidden_fields(), "username": "alice"})
    again = site.judge(site.get_tokens()["id_token"])
    elsewhere = OpenIDClient(provider, site.client, Person(provider.application.test_client()))
    elsewhere.person.log_in()
    third = site.judge(elsewhere.get_tokens()["id_token"])
    assert first["sid"] == again["sid"] != third["sid"]
    assert first["sub"] == again["sub"] == third["sub"]


def test_a_refresh_keeps_openid_where_the_settings_name_no_scope(create_application: Callable[..., Flask]) -> None:
    site = OpenIDClient.create(Provider(create_application()))
    site.person.log_in()
    given = site.get_tokens(scope="openid email offline_access")
    renewed = site.provider.refresh(site.client, given["refresh_token"]).json
    assert renewed["scope"] == "openid email offline_access"
    assert site.judge(renewed["id_token"])["aud"] == site.client.client_id
    answer = site.provider.get("/oauth/userinfo", Authorization=f"Bearer {renewed['access_token']}")
    assert answer.status == 200
