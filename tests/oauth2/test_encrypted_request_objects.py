"""Request objects that only this server can read: by its published keys, rotated without breaking anybody."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from jwcrypto import jwk

from tests.support.registering_client import ask as register
from tests.support.request_objects import (
    ALGORITHMS,
    CONTENT_ALGORITHMS,
    answered,
    create_site,
    encrypt,
    key_of,
    own_keys,
    send,
    signed,
)
from tests.support.signing_client import jwks_of, key_for
from tests.support.token_requests import Provider
from tests.support.waiting import seconds

METADATA = "/.well-known/openid-configuration"
Create = Callable[..., Flask]


@pytest.mark.parametrize("content", CONTENT_ALGORITHMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_and_encrypted_is_read(provider: Provider, algorithm: str, content: str) -> None:
    site = create_site(provider)
    key = key_of(provider, algorithm)
    answer = site.person.decide(send(site, request=encrypt(signed(site), key, algorithm, content)))
    assert answered(answer)["state"] == "signed"


def test_a_key_that_is_not_named_is_found(provider: Provider) -> None:
    site = create_site(provider)
    text = encrypt(signed(site), key_of(provider, "ECDH-ES"), "ECDH-ES", kid=None)
    assert send(site, request=text).status == 200


def test_what_does_not_hold_is_refused(provider: Provider) -> None:
    site, stranger = create_site(provider), jwk.JWK.generate(kty="EC", crv="P-256")
    own = key_of(provider, "ECDH-ES")
    good = encrypt(signed(site), own, "ECDH-ES")
    parts = good.split(".")
    wrong = {
        "to somebody else": encrypt(signed(site), stranger, "ECDH-ES", kid=own.get("kid")),
        "by a key of no name": encrypt(signed(site), own, "ECDH-ES", kid="unknown"),
        "by no client of ours": encrypt(signed(create_site(provider)), own, "ECDH-ES"),
        "not signed": encrypt(json.dumps({"client_id": site.client.client_id}), own, "ECDH-ES"),
        "compressed": encrypt(signed(site), own, "ECDH-ES", zip="DEF"),
        "encrypted twice": encrypt(good, own, "ECDH-ES"),
        "changed": ".".join([*parts[:3], parts[3][:-4] + "AAAA", parts[4]]),
        "without a tag": ".".join([*parts[:4], ""]),
        "an extension": encrypt(signed(site), own, "ECDH-ES", crit=["exp"], exp=1),
        "nothing": "....",
    }
    for how, text in wrong.items():
        answer = send(site, request=text, redirect_uri="https://client.example/cb", response_type="code")
        assert answered(answer)["error"] == "invalid_request_object", how
    unsupported = {
        "by a padding that tells too much": encrypt(signed(site), key_of(provider, "RSA-OAEP"), "RSA1_5"),
        "not encrypted": "eyJhbGciOiJub25lIn0.a.b.c.d",
    }
    for how, text in unsupported.items():
        answer = send(site, request=text, redirect_uri="https://client.example/cb", response_type="code")
        assert answered(answer)["error"] == "request_not_supported", how


def test_a_password_that_takes_an_hour_to_try_is_not_tried(provider: Provider) -> None:
    site = create_site(provider)
    header = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "AAAA"}
    encoded = jwk.base64url_encode(json.dumps(header))
    began = time.thread_time()
    answer = send(
        site, request=f"{encoded}.AAAA.AAAA.AAAA.AAAA", redirect_uri="https://client.example/cb", response_type="code"
    )
    assert answered(answer)["error"] == "request_not_supported"
    assert time.thread_time() - began < seconds(20)


def test_a_rotation_breaks_nobody_who_holds_the_former_keys(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_DECRYPTION_ALGORITHMS=["ECDH-ES"]))
    site = create_site(provider)
    former = key_of(provider, "ECDH-ES")
    result = provider.application.test_cli_runner().invoke(args=["keys", "rotate", "--purpose", "decrypting"])
    assert result.exit_code == 0, result.output
    assert key_of(provider, "ECDH-ES").thumbprint() != former.thumbprint()
    assert send(site, request=encrypt(signed(site), former, "ECDH-ES")).status == 200
    with time_machine.travel(time.time() + 86401, tick=False):
        site.person.log_in()
        text = encrypt(signed(site), former, "ECDH-ES")
        answer = send(site, request=text, redirect_uri="https://client.example/cb", response_type="code")
        assert answered(answer)["error"] == "invalid_request_object"


def test_no_private_part_is_published(provider: Provider) -> None:
    for kind, key in own_keys(provider).items():
        assert not key.has_private, kind
        assert set(json.loads(key.export())) == {"EC": {"kty", "crv", "x", "y", "kid", "use"}}.get(
            kind, {"kty", "n", "e", "kid", "use"}
        )


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("request_object_encryption_alg", "ECDH-ES", 201),
        ("request_object_encryption_alg", "RSA1_5", 400),
        ("request_object_encryption_alg", ["ECDH-ES"], 400),
        ("request_object_encryption_enc", "A256GCM", 201),
        ("request_object_encryption_enc", "A192GCM", 400),
    ],
)
def test_a_client_may_say_by_what_it_encrypts(provider: Provider, field: str, value: object, status: int) -> None:
    assert register(provider, jwks=jwks_of(key_for("ES256")), **{field: value}).status == status


def test_without_keys_nothing_is_said_and_nothing_taken(create_application: Create, provider: Provider) -> None:
    described = provider.get(METADATA).json
    assert described["request_object_encryption_alg_values_supported"] == [
        "RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW",
    ]  # fmt: skip
    without = Provider(create_application(OAUTH2_DECRYPTION_ALGORITHMS=[]))
    assert "request_object_encryption_alg_values_supported" not in without.get(METADATA).json
    assert own_keys(without) == {}
    site = create_site(without)
    text = encrypt(signed(site), key_of(provider, "ECDH-ES"), "ECDH-ES")
    answer = send(site, request=text, redirect_uri="https://client.example/cb", response_type="code")
    assert answered(answer)["error"] == "request_not_supported"
