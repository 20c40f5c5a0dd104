"""Keys that clients supply: bounds wherever one comes from, nothing kept but what is known, caches bounded by bytes."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from jwcrypto import jwk

from tests.support.listening_client import open_publisher
from tests.support.person import REDIRECT_URI, Pkce
from tests.support.registering_client import Registration, ask
from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of, key_for, sign
from tests.support.token_requests import TOKEN, Answer, MachineClient, Provider
from website.bounded_cache import BoundedCache, size_of

ISSUER = "http://127.0.0.1:5000"
Create = Callable[..., Flask]


def written(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()


def modulus(bits: int) -> int:
    return secrets.randbits(bits) | 1 | 1 << (bits - 1)


def rsa(bits: int = 2048, exponent: int = 65537, **members: Any) -> dict[str, Any]:
    return {"kty": "RSA", "n": written(modulus(bits)), "e": written(exponent), **members}


PUBLIC = jwks_of(key_for("ES256"))["keys"][0]
PUBLIC_RSA = jwks_of(key_for("RS256"))["keys"][0]
#: Each with a word of what its registration is told.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an exponent of the size of the modulus": (rsa(3072, modulus(3071)), "exponent"),
    "an exponent of 33 bits": (rsa(exponent=(1 << 32) + 1), "exponent"),
    "an even exponent": (rsa(exponent=65536), "exponent"),
    "the exponent one": (rsa(exponent=1), "exponent"),
    "no exponent": (rsa(e=""), "exponent"),
    "a modulus of 4097 bits": (rsa(4097), "modulus"),
    "a modulus of 1024 bits": (rsa(1024), "modulus"),
    "an even modulus": (rsa(n=written(modulus(2048) - 1)), "modulus"),
    "a modulus that is no number": (rsa(n="%%%"), "modulus"),
    "a modulus that is a number of JSON": (rsa(n=7), "string"),
    "an endless modulus": (rsa(n="A" * 2000), "string"),
    "an endless id": ({**PUBLIC, "kid": "k" * 1025}, "string"),
    "a curve nobody asked for": ({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, "curve"),
    "a curve of another kind": ({**PUBLIC, "crv": "Ed25519"}, "curve"),
    "the other Edwards curve": ({"kty": "OKP", "crv": "Ed448", "x": "A" * 76}, "curve"),
    "no curve": ({"kty": "EC", "x": PUBLIC["x"], "y": PUBLIC["y"]}, "curve"),
    "a point beside its curve": ({**PUBLIC, "y": PUBLIC["x"]}, "malformed"),
    "a key of a kind that is unknown": ({"kty": "AKP", "pub": "AA"}, "type"),
    "a private key": (json.loads(key_for("ES256").export_private()), "private"),
    "a private key of RSA": (json.loads(key_for("RS256").export_private()), "private"),
    "one prime of it": ({**PUBLIC_RSA, "p": "AA"}, "private"),
    "a secret": ({"kty": "oct", "k": "c2VjcmV0"}, "private"),
}


def prove(provider: Provider, client_id: str, key: jwk.JWK, algorithm: str = "ES256", **header: Any) -> Answer:
    assertion = sign(key, algorithm, assertion_claims(client_id, ISSUER), **header)
    proof = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
    return provider.post(TOKEN, {"grant_type": "client_credentials", **proof})


def nameless(key: jwk.JWK) -> jwk.JWK:
    return jwk.JWK(**{name: value for name, value in key.export(as_dict=True).items() if name != "kid"})


def create_client(provider: Provider, document: Any = None, **metadata: Any) -> MachineClient:
    keys = {} if document is None else {"jwks": document}
    return provider.create_client(token_endpoint_auth_method="private_key_jwt", **keys, **metadata)


@pytest.mark.parametrize(("key", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_a_key_beyond_the_bounds_is_refused_in_words(provider: Provider, key: dict[str, Any], word: str) -> None:
    for method in ("private_key_jwt", "client_secret_basic"):
        answer = ask(provider, token_endpoint_auth_method=method, jwks={"keys": [PUBLIC, key]})
        assert (answer.status, answer.error) == (400, "invalid_client_metadata")
        assert word in answer.json["error_description"]


@pytest.mark.parametrize("field", ["id_token_encrypted_response_alg", "userinfo_encrypted_response_alg"])
def test_a_key_to_encrypt_to_has_the_same_bounds(provider: Provider, field: str) -> None:
    more = {"userinfo_signed_response_alg": "ES256", field: "RSA-OAEP-256"}
    assert ask(provider, jwks={"keys": [rsa(use="enc")]}, **more).status == 201
    for key in (rsa(3072, modulus(3071), use="enc"), rsa(8192, use="enc")):
        assert ask(provider, jwks={"keys": [key]}, **more).status == 400


@pytest.mark.parametrize("key", [rsa(), rsa(4096, 3), rsa(3072, (1 << 32) - 1), PUBLIC], ids=range(4))
def test_a_key_within_the_bounds_is_registered(provider: Provider, key: dict[str, Any]) -> None:
    assert ask(provider, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key]}).status == 201


# Keys by reference, and those that a former version let in


@pytest.fixture
def publishing(create_application: Create) -> Iterator[tuple[Provider, dict[str, Any], MachineClient]]:
    """A provider, a client that publishes its keys, and what it publishes."""
    with open_publisher() as publisher:
        provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
        yield provider, publisher.document, create_client(provider, jwks_uri=publisher.url)


def test_a_published_key_beyond_the_bounds_is_passed_over(
    publishing: tuple[Provider, dict[str, Any], MachineClient],
) -> None:
    provider, document, client = publishing
    document["keys"] = [key for key, _word in REFUSED.values()] + [PUBLIC]
    assert prove(provider, client.client_id, key_for("ES256")).status == 200
    assert prove(provider, client.client_id, key_for("RS256"), "RS256").status == 401


def test_of_a_published_set_the_first_twenty_are_looked_at(
    publishing: tuple[Provider, dict[str, Any], MachineClient],
) -> None:
    provider, document, client = publishing
    others = jwks_of(*(jwk.JWK.generate(kty="EC", crv="P-256", kid=f"k{number}") for number in range(20)))["keys"]
    document["keys"] = [*others, PUBLIC]
    assert prove(provider, client.client_id, key_for("ES256")).status == 401


def test_an_odd_document_is_no_error(publishing: tuple[Provider, dict[str, Any], MachineClient]) -> None:
    provider, document, client = publishing
    document["keys"] = {"a": 1}
    assert prove(provider, client.client_id, key_for("ES256")).status == 401


def test_a_stored_key_beyond_the_bounds_verifies_nothing(provider: Provider) -> None:
    costly = rsa(3072, modulus(3071))
    client = create_client(provider, {"keys": [costly, PUBLIC]})
    assert prove(provider, client.client_id, key_for("RS256"), "RS256").status == 401
    assert prove(provider, client.client_id, key_for("ES256")).status == 200


@pytest.mark.parametrize("named", [False, True], ids=["no id", "one id for all"])
def test_two_keys_are_tried_at_most(stored_provider: Provider, named: bool) -> None:
    keys = [jwk.JWK.generate(kty="EC", crv="P-256", kid="same") for _ in range(5)]
    client = create_client(stored_provider, jwks_of(*keys))
    signing = keys if named else [nameless(key) for key in keys]
    assert [prove(stored_provider, client.client_id, key).status for key in signing] == [200, 200, 401, 401, 401]


def test_the_key_of_the_named_id_is_tried_before_those_without_one(stored_provider: Provider) -> None:
    named = jwk.JWK.generate(kty="EC", crv="P-256", kid="the-one")
    others = [jwk.JWK.generate(kty="EC", crv="P-256") for _ in range(4)]
    client = create_client(stored_provider, jwks_of(*map(nameless, others), named))
    assert prove(stored_provider, client.client_id, named).status == 200


def test_a_request_object_is_held_to_the_same_number(provider: Provider) -> None:
    keys = [jwk.JWK.generate(kty="EC", crv="P-256", kid="same") for _ in range(3)]
    client = provider.create_client(
        "authorization_code", response_types=["code"], redirect_uris=[REDIRECT_URI], jwks=jwks_of(*keys)
    )

    def refusal(key: jwk.JWK) -> bool:
        asked = {"response_type": "code", "redirect_uri": REDIRECT_URI, "scope": "photos", **Pkce().parameters}
        text = sign(nameless(key), "ES256", {"iss": client.client_id, "aud": ISSUER, **asked, "iat": int(time.time())})
        answer = provider.get(f"/oauth/authorize?{urlencode({'client_id': client.client_id, 'request': text})}")
        return b"invalid_request_object" in answer.body or "invalid_request_object" in answer.headers.get(
            "Location", ""
        )

    assert [refusal(key) for key in keys] == [False, False, True]


# What is kept


JUNK: dict[str, Any] = {"junk": [[] for _ in range(1000)], "x5c": ["AA" * 100], "x5u": "https://x.example", "d2": {}}


def test_of_a_registered_set_only_what_is_known_is_kept(stored_provider: Provider) -> None:
    registration = Registration.create(stored_provider, jwks={"keys": [{**PUBLIC, **JUNK}], **JUNK})
    expected = {"keys": [PUBLIC]}
    assert registration.said["jwks"] == registration.read().json["jwks"] == expected
    changed = registration.replace(redirect_uris=[REDIRECT_URI], jwks={"keys": [{**PUBLIC_RSA, **JUNK}], "junk": 1})
    assert changed.json["jwks"] == registration.read().json["jwks"] == {"keys": [PUBLIC_RSA]}
    row = stored_provider.server.clients.find_any(registration.said["client_id"])
    assert "junk" not in json.dumps(dict(row.metadata))


@pytest.mark.parametrize("junk", [JUNK, {"software_statement": "e30.e30.e30"}, {"jwks_": {"keys": []}}], ids=range(3))
def test_members_of_a_registration_that_nobody_knows_are_not_kept(provider: Provider, junk: dict[str, Any]) -> None:
    assert not junk.keys() & Registration.create(provider, **junk).read().json.keys()


def test_what_a_former_version_kept_is_not_read_into_memory(provider: Provider) -> None:
    client = create_client(provider, {"keys": [PUBLIC]})
    document = json.dumps(
        {"client_name": "x", "token_endpoint_auth_method": "private_key_jwt", "grant_types": ["client_credentials"],
         "scope": "photos", "jwks": {"keys": [{**PUBLIC, **JUNK}], **JUNK}}
    )  # fmt: skip
    with provider.server.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE oauth2_client SET client_metadata = ? WHERE id = ?", (document, client.row))
    provider.server.cache_invalidation.forget()
    assert provider.server.clients.find(client.client_id).metadata["jwks"] == {"keys": [PUBLIC]}
    assert prove(provider, client.client_id, key_for("ES256")).status == 200


def test_a_cache_holds_no_more_bytes_than_it_may() -> None:
    cache: BoundedCache[int, str] = BoundedCache(1000)
    for number in range(100):
        cache.put(number, "x", 90)
        assert cache.bytes <= 1000
    assert [cache.get(number) for number in (88, 99, 89)] == [None, "x", "x"]
    cache.put(100, "x", 90)  # in place of the one that wasn't used for longest
    assert [cache.get(number) for number in (89, 90, 91)] == ["x", None, "x"]
    cache.put(99, "y", 200)
    assert (cache.get(99), cache.bytes <= 1000) == ("y", True)
    cache.put(99, "z", 1001)
    assert cache.get(99) is None
    assert size_of({"a": ["b" * 1000]}) > 1000


def test_many_large_clients_take_no_more_memory_than_they_may(
    create_application: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 200_000
    monkeypatch.setattr("website.clients.client_cache.MAX_CACHED_BYTES", limit)
    monkeypatch.setattr("website.clients.client_keys.MAX_CACHED_BYTES", limit)
    provider = Provider(create_application())
    keys = jwks_of(*(jwk.JWK.generate(kty="EC", crv="P-256", kid=f"{number}" * 900) for number in range(5)))["keys"]
    clients = [create_client(provider, {"keys": [PUBLIC, *keys]}) for _ in range(40)]
    for client in [*clients, *clients]:
        assert prove(provider, client.client_id, key_for("ES256")).status == 200
    for cache in (provider.server.clients._cache, provider.server.clients.keys._kept):
        assert limit / 2 < cache.bytes <= limit
