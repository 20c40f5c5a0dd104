"""Signing by several algorithms: each with its own keys, added and taken out without breaking what was given (J2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from flask import Flask
from joserfc import jwt as joserfc_jwt
from joserfc.util import urlsafe_b64encode
from jwcrypto import jwk, jwt

from tests.support.token_requests import MachineClient, Provider
from website.keys import KeysMissingError
from website.keys.jws import ALGORITHMS
from website.keys.server_keys import AlgorithmNotInUseError

PUBLIC_MEMBERS = {"EC": {"crv", "x", "y"}, "RSA": {"n", "e"}, "OKP": {"crv", "x"}}


@pytest.fixture
def open_with(create_application: Callable[..., Flask], database_uri: str) -> Callable[..., Provider]:
    """A factory of providers on one database, each with its own algorithms; ``initdb`` is not run again."""
    opened: list[Provider] = []

    def open_with(*algorithms: str) -> Provider:
        stored = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_SIGNING_ALGORITHMS": list(algorithms)}
        opened.append(Provider(create_application(initdb=not opened, **stored)))
        return opened[-1]

    return open_with


def run(provider: Provider, *arguments: str) -> str:
    result = provider.application.test_cli_runner().invoke(args=list(arguments))
    assert result.exit_code == 0, result.output
    return str(result.output)


def published(provider: Provider) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = provider.get("/oauth/jwks").json["keys"]
    return keys


def algorithms_of(provider: Provider) -> list[str]:
    return sorted(key["alg"] for key in published(provider))


def jwt_client(provider: Provider) -> MachineClient:
    return provider.create_client(scope="profile", policy={"access_token_format": "jwt"})


def get_jwt(provider: Provider, client: MachineClient) -> str:
    return str(provider.get_token(client)["access_token"])


def header_of(text: str) -> dict[str, Any]:
    # Read by a library that trusts nothing of ours.
    signed = jwt.JWT()
    signed.deserialize(text)
    return dict(json.loads(signed.token.objects["protected"]))


def claims_by_another_library(text: str, provider: Provider, algorithm: str) -> dict[str, Any]:
    keys = jwk.JWKSet.from_json(provider.get("/oauth/jwks").body.decode())
    return dict(json.loads(jwt.JWT(jwt=text, key=keys, algs=[algorithm]).claims))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_library_verifies_what_each_algorithm_signs(
    create_application: Callable[..., Flask], algorithm: str
) -> None:
    provider = Provider(create_application(OAUTH2_SIGNING_ALGORITHMS=[algorithm]))
    client = jwt_client(provider)
    token = get_jwt(provider, client)
    assert header_of(token) == {
        "alg": algorithm,
        "typ": "at+jwt",
        "kid": provider.server.keys.keyring.signing[algorithm].kid,
    }
    assert claims_by_another_library(token, provider, algorithm)["client_id"] == client.client_id
    assert provider.is_active(client, token)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_what_verifying_takes_is_published(create_application: Callable[..., Flask], algorithm: str) -> None:
    provider = Provider(create_application(OAUTH2_SIGNING_ALGORITHMS=[algorithm]))
    keys = published(provider)
    assert len(keys) == 2
    for key in keys:
        assert key.keys() == {"kty", "use", "alg", "kid"} | PUBLIC_MEMBERS[key["kty"]]
        assert (key["use"], key["alg"]) == ("sig", algorithm)
        assert jwk.JWK(**key).thumbprint() == key["kid"]
    stored = provider.read_everything()
    private = provider.server.keys.keyring.signing[algorithm].key.as_dict(private=True)
    for name in private.keys() - keys[0].keys():
        assert private[name] not in stored


def test_who_chooses_an_algorithm_is_served_by_it(open_with: Callable[..., Provider]) -> None:
    provider = open_with(*ALGORITHMS)
    keys, claims = provider.server.keys, {"iss": "https://id.example", "name": "Zoë", "exp": 2}
    for algorithm in ALGORITHMS:
        text = keys.sign(None, claims, algorithm)
        assert header_of(text) == {"alg": algorithm, "kid": keys.keyring.signing[algorithm].kid}
        unexpired = {**claims, "exp": 2**32}
        assert claims_by_another_library(keys.sign("JWT", unexpired, algorithm), provider, algorithm) == unexpired
        verified = keys.verify(text)
        assert verified is not None
        assert verified.claims == claims
    assert header_of(keys.sign("logout+jwt", claims))["alg"] == next(iter(ALGORITHMS))
    # No JWT of another type is an access token.
    assert provider.get("/api/me", Authorization=f"Bearer {keys.sign('logout+jwt', claims)}").status == 401
    assert all(key.algorithm in run(provider, "keys", "list") for key in provider.server.keys.list_all())


def test_an_algorithm_that_is_not_in_the_setting_signs_nothing(application: Flask) -> None:
    keys = Provider(application).server.keys
    for algorithm in ("RS256", "none", "HS256", "RS384"):
        with pytest.raises(AlgorithmNotInUseError):
            keys.sign("at+jwt", {}, algorithm)


def test_claims_that_json_cannot_hold_are_not_signed(application: Flask) -> None:
    keys = Provider(application).server.keys
    for value in (float("nan"), float("inf"), {1, 2}, b"bytes"):
        with pytest.raises((ValueError, TypeError)):
            keys.sign("at+jwt", {"claim": value})


def test_no_header_chooses_another_algorithm_than_its_keys(open_with: Callable[..., Provider]) -> None:
    """A signature that is right for the key, by an algorithm that is not the key's own."""
    provider = open_with("RS256", "PS256", "ES256")
    client = jwt_client(provider)
    good = get_jwt(provider, client)
    claims, keyring = claims_by_another_library(good, provider, "RS256"), provider.server.keys.keyring
    assert provider.is_active(client, good)
    for own, claimed in (("RS256", "PS256"), ("PS256", "RS256"), ("RS256", "RS512")):
        parameters = keyring.signing[own].key.as_dict(private=True)
        raw = jwk.JWK(**{name: value for name, value in parameters.items() if name not in ("alg", "use")})
        forged = jwt.JWT({"alg": claimed, "typ": "at+jwt", "kid": keyring.signing[own].kid}, claims, algs=[claimed])
        forged.make_signed_token(raw)
        text = forged.serialize()
        raw_public = jwk.JWK(**{name: value for name, value in published_key(provider, own).items() if name != "alg"})
        assert json.loads(jwt.JWT(jwt=text, key=raw_public, algs=[claimed]).claims) == claims  # signed well enough
        assert provider.get("/api/me", Authorization=f"Bearer {text}").status == 401
        assert not provider.is_active(client, text)


def published_key(provider: Provider, algorithm: str) -> dict[str, Any]:
    kid = provider.server.keys.keyring.signing[algorithm].kid
    return next(key for key in published(provider) if key["kid"] == kid)


def test_a_key_id_of_another_algorithms_key_is_refused(open_with: Callable[..., Provider]) -> None:
    provider = open_with("ES256", "RS256", "EdDSA")
    client = jwt_client(provider)
    claims, keyring = (
        claims_by_another_library(get_jwt(provider, client), provider, "ES256"),
        provider.server.keys.keyring,
    )
    for header in (
        {"alg": "ES256", "typ": "at+jwt", "kid": keyring.signing["RS256"].kid},
        {"alg": "ES256", "typ": "at+jwt", "kid": keyring.signing["EdDSA"].kid},
        {"alg": "ES256", "typ": "at+jwt"},
        {"alg": "ES256", "typ": "at+jwt", "kid": ""},
    ):
        forged = joserfc_jwt.encode(header, claims, keyring.signing["ES256"].key, algorithms=["ES256"])
        assert provider.get("/api/me", Authorization=f"Bearer {forged}").status == 401
    head = {"alg": "ES256", "typ": "at+jwt", "kid": ["x"]}
    odd = b".".join(urlsafe_b64encode(json.dumps(part).encode()) for part in (head, claims, "x"))
    assert provider.get("/api/me", Authorization=f"Bearer {odd.decode()}").status == 401


def test_an_algorithm_that_is_added_gets_its_keys_from_initdb(open_with: Callable[..., Provider]) -> None:
    before = open_with("ES256")
    sealed, signed = before.create_client(scope="profile"), jwt_client(before)
    given = get_jwt(before, signed)
    after = open_with("EdDSA", "ES256")
    # Until then: what needs no such key goes on, and the operator hears what to do.
    assert after.is_active(sealed, after.get_token(sealed)["access_token"])
    assert after.is_active(signed, given)
    refused = after.post("/oauth/token", {"grant_type": "client_credentials"}, signed)
    assert (refused.status, refused.error) == (500, "server_error")
    assert "no keys for EdDSA. Run flask initdb." in refused.json["error_description"]
    assert after.get("/readyz").status == 503
    assert "no keys for EdDSA" in run(after, "check-config")

    assert "Keys: 2 created" in run(after, "initdb")
    assert "Keys: nothing missing" in run(after, "initdb")
    assert algorithms_of(after) == ["ES256", "ES256", "EdDSA", "EdDSA"]
    assert header_of(get_jwt(after, signed))["alg"] == "EdDSA"
    assert after.is_active(signed, given)
    # A node that was not restarted yet takes what the others sign.
    before.server.cache_invalidation.check_now()
    assert before.is_active(signed, get_jwt(after, signed))
    assert header_of(get_jwt(before, signed))["alg"] == "ES256"


def test_an_algorithm_that_is_taken_out_breaks_nothing_and_its_keys_run_out(open_with: Callable[..., Provider]) -> None:
    before = open_with("RS256", "ES256")
    sealed, signed = before.create_client(scope="profile"), jwt_client(before)
    given = get_jwt(before, signed)
    after = open_with("ES256")
    assert header_of(get_jwt(after, signed))["alg"] == "ES256"
    assert algorithms_of(after) == ["ES256", "ES256", "RS256", "RS256"]
    assert after.is_active(signed, given)

    printed = run(after, "keys", "rotate", "--purpose", "signing")
    assert "signing RS256: no longer in use; its keys stay valid for 1500 seconds" in printed
    assert "RS256" not in run(after, "keys", "rotate", "--purpose", "signing")  # once
    assert "keys_retired" in run(after, "events", "--event", "keys_retired")
    assert after.is_active(signed, given)
    assert claims_by_another_library(given, after, "RS256")["client_id"] == signed.client_id
    # A node that was not restarted yet goes on as far as it can.
    before.server.cache_invalidation.check_now()
    assert before.is_active(sealed, before.get_token(sealed)["access_token"])
    assert before.is_active(signed, given)
    with pytest.raises(KeysMissingError, match="RS256"):
        before.server.keys.sign("at+jwt", {}, "RS256")

    rotated = max(key.created_at for key in after.server.keys.list_all())
    with time_machine.travel(rotated + 1600, tick=False):
        after.server.cache_invalidation.forget()
        assert algorithms_of(after) == ["ES256", "ES256"]
        assert after.server.keys.verify(given) is None
        again = open_with("ES256", "RS256")
        assert "Keys: 2 created" in run(again, "initdb")
        assert algorithms_of(again) == ["ES256", "ES256", "RS256", "RS256"]
        assert claims_by_another_library(again.server.keys.sign("JWT", {"exp": 2**32}, "RS256"), again, "RS256")
    after.server.cache_invalidation.forget()


def test_an_algorithm_that_comes_back_before_a_rotation_keeps_its_keys(open_with: Callable[..., Provider]) -> None:
    before = open_with("RS256", "ES256")
    kid = before.server.keys.keyring.signing["RS256"].kid
    assert "RS256" not in open_with("ES256").server.keys.keyring.signing
    back = open_with("RS256", "ES256")
    assert "Keys: nothing missing" in run(back, "initdb")
    assert back.server.keys.keyring.signing["RS256"].kid == kid


def test_a_rotation_without_the_keys_of_an_algorithm_rotates_nothing(open_with: Callable[..., Provider]) -> None:
    before = open_with("ES256")
    held = {(key.id, key.state) for key in before.server.keys.list_all()}
    result = open_with("ES256", "EdDSA").application.test_cli_runner().invoke(args=["keys", "rotate"])
    assert result.exit_code == 1
    assert "no keys for EdDSA. Run flask initdb." in result.output
    assert "Traceback" not in result.output
    assert {(key.id, key.state) for key in before.server.keys.list_all()} == held


def test_a_rotation_rotates_every_algorithm_and_notes_each(open_with: Callable[..., Provider]) -> None:
    provider = open_with("ES256", "RS256")
    former = {name: key.kid for name, key in provider.server.keys.keyring.signing.items()}
    run(provider, "keys", "rotate")
    used = {name: key.kid for name, key in provider.server.keys.keyring.signing.items()}
    assert list(used) == ["ES256", "RS256"]
    assert set(used.values()).isdisjoint(former.values())
    lines = run(provider, "events", "--event", "key_rotated", "--json").splitlines()
    events = [json.loads(line) for line in lines]
    details = {(event["detail"]["purpose"], event["detail"]["algorithm"], event["detail"]["key"]) for event in events}
    sealing = provider.server.keys.keyring.sealing.id.decode()
    signing = {("signing", algorithm, kid) for algorithm, kid in used.items()}
    assert details == {*signing, ("sealing", "A256GCM", sealing)}


def test_twenty_rotations_break_no_signature(open_with: Callable[..., Provider]) -> None:
    provider = open_with("ES256", "RS256")
    given = {name: [provider.server.keys.sign("JWT", {"exp": 2**32, "round": -1}, name)] for name in ("ES256", "RS256")}
    for turn in range(20):
        coming = {key["kid"] for key in published(provider)}
        run(provider, "keys", "rotate", "--purpose", "signing")
        for name, texts in given.items():
            # Whoever read the key set before the rotation knows the key that signs after it.
            assert provider.server.keys.keyring.signing[name].kid in coming
            texts.append(provider.server.keys.sign("JWT", {"exp": 2**32, "round": turn}, name))
    for name, texts in given.items():
        rounds = [claims_by_another_library(text, provider, name)["round"] for text in texts]
        assert rounds == list(range(-1, 20))
        assert all(provider.server.keys.verify(text) for text in texts)


def test_two_who_rotate_at_once_rotate_every_algorithm_one_after_the_other(open_with: Callable[..., Provider]) -> None:
    nodes = [open_with("ES256", "RS256") for _node in range(2)]
    text = nodes[0].server.keys.sign("JWT", {}, "RS256")
    with ThreadPoolExecutor() as pool:
        turns = list(pool.map(lambda turn: nodes[turn % 2].server.keys.rotate("signing", 900), range(6)))
    for algorithm in ("ES256", "RS256"):
        assert len({turn.used[algorithm] for turn in turns}) == 6
        slots = [key.slot for key in nodes[0].server.keys.list_all() if key.algorithm == algorithm]
        assert (slots.count("current"), slots.count("next"), len(slots)) == (1, 1, 8)
    for node in nodes:
        node.server.cache_invalidation.check_now()
        assert node.server.keys.verify(text)
    assert [{name: key.kid for name, key in node.server.keys.keyring.signing.items()} for node in nodes][::-1] == [
        {name: key.kid for name, key in node.server.keys.keyring.signing.items()} for node in nodes
    ]


def test_replacing_leaves_nothing_of_any_algorithm(open_with: Callable[..., Provider]) -> None:
    before = open_with("RS256", "EdDSA")
    text, former = before.server.keys.sign("JWT", {}), {key["kid"] for key in published(before)}
    after = open_with("EdDSA", "ES256")
    printed = run(after, "keys", "replace", "--purpose", "signing", "--yes")
    assert [line.partition(":")[0] for line in printed.splitlines()] == ["signing EdDSA", "signing ES256"]
    assert algorithms_of(after) == ["ES256", "ES256", "EdDSA", "EdDSA"]
    assert former.isdisjoint(key["kid"] for key in published(after))
    assert after.server.keys.verify(text) is None
    assert "Keys: nothing missing" in run(after, "initdb")
