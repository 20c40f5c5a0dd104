"""ID tokens and UserInfo answers as a client registered them: by which algorithm, by its secret, to its key."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from jwcrypto import jwt

from tests.support.encryption_keys import (
    CONTENT_ALGORITHMS,
    EC,
    KEY_ALGORITHMS,
    KEYS,
    SIGNING_ONLY,
    decrypt,
    userinfo,
)
from tests.support.listening_client import Publisher, open_publisher
from tests.support.openid_client import OpenIDClient, half_hash, header_of
from tests.support.person import code_of
from tests.support.signing_client import jwks_of, secret_key
from tests.support.token_requests import Provider, open_provider
from website.clients.metadata import check_metadata

METADATA = "/.well-known/openid-configuration"
OUR_ALGORITHMS = ("ES256", "RS256")


def create_site(provider: Provider, **metadata: Any) -> OpenIDClient:
    site = OpenIDClient.create(provider, **metadata)
    site.person.log_in()
    return site


# Signed


@pytest.mark.parametrize("algorithm", OUR_ALGORITHMS)
def test_a_client_that_wants_it_gets_userinfo_signed(stored_provider: Provider, algorithm: str) -> None:
    site = create_site(stored_provider, userinfo_signed_response_alg=algorithm)
    tokens = site.get_tokens(scope="openid profile")
    answer = userinfo(site, tokens["access_token"])
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/jwt")
    assert answer.headers["Cache-Control"] == "no-store"
    assert header_of(answer.body.decode())["alg"] == algorithm
    claims = site.judge(answer.body.decode())
    assert claims["sub"] == site.judge(tokens["id_token"])["sub"]
    assert "updated_at" in claims


def test_a_refusal_is_no_jwt(stored_provider: Provider) -> None:
    site = create_site(stored_provider, userinfo_signed_response_alg="ES256")
    answer = userinfo(site, "nonsense")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/json")


@pytest.mark.parametrize(("algorithm", "hash_name"), [("HS256", "sha256"), ("HS384", "sha384")])
def test_the_secret_signs_for_a_client_that_chose_so(stored_provider: Provider, algorithm: str, hash_name: str) -> None:
    chosen = {"id_token_signed_response_alg": algorithm, "userinfo_signed_response_alg": algorithm}
    site = create_site(stored_provider, **chosen)
    secret = secret_key(site.client.secret or "")
    tokens = site.get_tokens()
    claims = json.loads(jwt.JWT(jwt=tokens["id_token"], key=secret, algs=[algorithm]).claims)
    assert claims["aud"] == site.client.client_id
    assert claims["at_hash"] == half_hash(tokens["access_token"], hash_name)
    told = jwt.JWT(jwt=userinfo(site, tokens["access_token"]).body.decode(), key=secret, algs=[algorithm])
    assert json.loads(told.claims)["sub"] == claims["sub"]
    assert code_of(site.ask(prompt="none", id_token_hint=tokens["id_token"]))


def test_after_a_new_secret_the_new_one_signs(stored_provider: Provider) -> None:
    site = create_site(stored_provider, id_token_signed_response_alg="HS256")
    renewed = stored_provider.server.clients.rotate_secret(site.client.row, 0)
    answer = stored_provider.post(
        "/oauth/token",
        {"grant_type": "authorization_code", "code": code_of(site.allow()), "code_verifier": site.pkce.verifier,
         "redirect_uri": "https://client.example/cb"},
        type(site.client)(site.client.client_id, renewed, site.client.row, site.client.method),
    )  # fmt: skip
    assert jwt.JWT(jwt=answer.json["id_token"], key=secret_key(renewed), algs=["HS256"]).claims


def test_a_secret_that_was_not_kept_signs_nothing_and_breaks_nothing(stored_provider: Provider) -> None:
    site = create_site(stored_provider)
    stored_provider.server.clients.update(
        site.client.row,
        {
            "client_name": "x",
            "token_endpoint_auth_method": "client_secret_basic",
            "id_token_signed_response_alg": "HS256",
        },
    )
    fields = {"code": code_of(site.allow()), "code_verifier": site.pkce.verifier}
    answer = stored_provider.ask_token(
        site.client, "authorization_code", **fields, redirect_uri="https://client.example/cb"
    )
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_a_hint_by_another_clients_secret_is_none(stored_provider: Provider) -> None:
    one = create_site(stored_provider, id_token_signed_response_alg="HS256")
    other = create_site(stored_provider, id_token_signed_response_alg="HS256")
    hint = one.get_tokens()["id_token"]
    assert "invalid_request" in other.ask(prompt="none", id_token_hint=hint).location
    claims = json.loads(jwt.JWT(jwt=hint, key=secret_key(one.client.secret or ""), algs=["HS256"]).claims)
    forged = jwt.JWT(header={"alg": "HS256"}, claims={**claims, "aud": other.client.client_id})
    forged.make_signed_token(secret_key(one.client.secret or ""))
    assert "invalid_request" in other.ask(prompt="none", id_token_hint=forged.serialize()).location


# Encrypted


@pytest.mark.parametrize("key_algorithm", KEY_ALGORITHMS)
@pytest.mark.parametrize("content_algorithm", [None, *CONTENT_ALGORITHMS])
def test_an_id_token_is_encrypted_to_the_clients_key(
    provider: Provider, key_algorithm: str, content_algorithm: str | None
) -> None:
    chosen = {"id_token_encrypted_response_alg": key_algorithm, "jwks": KEYS}
    if content_algorithm:
        chosen["id_token_encrypted_response_enc"] = content_algorithm
    site = create_site(provider, **chosen)
    key = KEY_ALGORITHMS[key_algorithm]
    header, content = decrypt(site.get_tokens()["id_token"], key)
    assert header["alg"] == key_algorithm
    assert header["enc"] == content_algorithm or "A128CBC-HS256"
    assert (header["cty"], header["kid"]) == ("JWT", key["kid"])
    assert site.judge(content)["nonce"]


def test_userinfo_is_signed_and_then_encrypted(stored_provider: Provider) -> None:
    site = create_site(
        stored_provider, userinfo_signed_response_alg="ES256", userinfo_encrypted_response_alg="ECDH-ES", jwks=KEYS
    )
    answer = userinfo(site, site.get_tokens()["access_token"])
    assert answer.headers["Content-Type"] == "application/jwt"
    _header, content = decrypt(answer.body.decode(), EC)
    assert site.judge(content)["sub"]


def test_where_the_keys_cannot_be_fetched_the_client_is_told(stored_provider: Provider) -> None:
    site = create_site(stored_provider, id_token_encrypted_response_alg="ECDH-ES", jwks_uri="https://127.0.0.1:1/jwks")
    fields = {"code": code_of(site.allow()), "code_verifier": site.pkce.verifier}
    answer = stored_provider.ask_token(
        site.client, "authorization_code", **fields, redirect_uri="https://client.example/cb"
    )
    assert (answer.status, answer.error) == (400, "invalid_request")
    front = site.ask("id_token", prompt="none")
    assert "invalid_request" in front.location


def test_a_code_is_not_used_up_while_the_key_is_out_of_reach(tmp_path: Path) -> None:
    with open_publisher() as publisher, open_publishing_provider(tmp_path) as provider:
        site = create_site(provider, id_token_encrypted_response_alg="ECDH-ES", jwks_uri=publisher.url)
        code = code_of(site.allow())
        fields = {"code": code, "code_verifier": site.pkce.verifier, "redirect_uri": "https://client.example/cb"}
        refused = provider.ask_token(site.client, "authorization_code", **fields)
        assert (refused.status, refused.error) == (400, "invalid_request")
        publish_after_a_second(publisher)
        assert decrypt(site.redeem(code)["id_token"], EC)
        assert provider.ask_token(site.client, "authorization_code", **fields).error == "invalid_grant"


def test_a_refresh_token_is_not_used_up_while_the_key_is_out_of_reach(tmp_path: Path) -> None:
    with open_publisher() as publisher:
        publisher.document = KEYS
        with open_publishing_provider(tmp_path) as before:
            site = create_site(before, id_token_encrypted_response_alg="ECDH-ES", jwks_uri=publisher.url)
            tokens = site.get_tokens(scope="openid offline_access")
        publisher.document = {}
        with open_publishing_provider(tmp_path) as restarted:
            for _try in range(3):
                refused = restarted.refresh(site.client, tokens["refresh_token"])
                assert (refused.status, refused.error) == (400, "invalid_request")
            publish_after_a_second(publisher)
            assert decrypt(restarted.refresh(site.client, tokens["refresh_token"]).json["id_token"], EC)
            assert "refresh_token_repeated" not in restarted.read_everything()


def open_publishing_provider(folder: Path) -> AbstractContextManager[Provider]:
    return open_provider(folder, f"sqlite:///{folder}/db.sqlite", OAUTH2_OUTBOUND_LOOPBACK=True)


def publish_after_a_second(publisher: Publisher) -> None:
    publisher.document = KEYS
    time.sleep(1.1)  # a document is not fetched more often


# Registration and discovery

REFUSED: list[dict[str, Any]] = [
    {"id_token_signed_response_alg": "none"},
    {"id_token_signed_response_alg": "ES512"},
    {"id_token_signed_response_alg": ["ES256"]},
    {"id_token_signed_response_alg": "HS256", "token_endpoint_auth_method": "none"},
    {"userinfo_signed_response_alg": "none"},
    {"id_token_encrypted_response_alg": "RSA1_5"},
    {"id_token_encrypted_response_alg": "dir"},
    {"id_token_encrypted_response_alg": {}},
    {"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": jwks_of(SIGNING_ONLY)},
    {"id_token_encrypted_response_alg": "RSA-OAEP", "jwks": None},
    {"id_token_encrypted_response_enc": "A128GCM"},
    {"id_token_encrypted_response_alg": "ECDH-ES", "id_token_encrypted_response_enc": "A1"},
    {"userinfo_encrypted_response_alg": "ECDH-ES"},
]


@pytest.mark.parametrize("wrong", REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_do_cannot_be_registered(provider: Provider, wrong: dict[str, Any]) -> None:
    good = {
        "client_name": "x", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post",
        "jwks": KEYS,
    }  # fmt: skip
    changed = {name: value for name, value in {**good, **wrong}.items() if value is not None}
    found = check_metadata(changed, provider.server.metadata.offered).by_field
    assert any(name.endswith(("_alg", "_enc")) for name in found), found


@pytest.mark.parametrize("kind", ["id_token", "userinfo"])
def test_discovery_says_what_is_offered(provider: Provider, kind: str) -> None:
    metadata = provider.get(METADATA).json
    assert metadata[f"{kind}_signing_alg_values_supported"] == [*OUR_ALGORITHMS, "HS256", "HS384"]
    assert sorted(metadata[f"{kind}_encryption_alg_values_supported"]) == sorted(KEY_ALGORITHMS)
    assert metadata[f"{kind}_encryption_enc_values_supported"] == [*CONTENT_ALGORITHMS]
