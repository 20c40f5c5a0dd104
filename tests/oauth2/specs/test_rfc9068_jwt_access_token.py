"""JWT access tokens: what they say, that others can verify them, and that no forged one is ever taken (J1 to J5)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt as signing
from joserfc.jwk import ECKey
from jwcrypto import jwk, jwt

from tests.support.token_requests import MachineClient, Provider


@pytest.fixture
def client(provider: Provider) -> MachineClient:
    return provider.create_client(
        "password", "refresh_token", "client_credentials", policy={"access_token_format": "jwt"}
    )


def read(part: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def write(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    return read(header), read(claims), signature


def test_another_library_verifies_the_token_by_the_jwks(provider: Provider, client: MachineClient) -> None:
    token = provider.log_in(client)["access_token"]
    keys = jwk.JWKSet.from_json(provider.get("/oauth/jwks").body.decode())
    verified = jwt.JWT(jwt=token, key=keys, algs=["ES256"])
    claims = json.loads(verified.claims)
    header = json.loads(verified.header)
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": header["kid"]}
    assert claims["iss"] == "http://127.0.0.1:5000"
    assert claims["aud"] == ["http://127.0.0.1:5000"]
    assert claims["client_id"] == client.client_id
    assert claims["exp"] - claims["iat"] == 600
    assert {"sub", "jti", "scope"} <= set(claims)


def test_a_clients_own_token_names_the_client_as_subject(provider: Provider, client: MachineClient) -> None:
    _header, claims, _signature = parts_of(provider.get_token(client)["access_token"])
    assert claims["sub"] == client.client_id
    assert "grant_id" not in claims


def test_a_jwt_opens_the_api_and_dies_with_its_grant(provider: Provider, client: MachineClient) -> None:
    tokens = provider.log_in(client)
    bearer = f"Bearer {tokens['access_token']}"
    assert provider.get("/api/me", Authorization=bearer).status == 200
    provider.revoke(client, tokens["refresh_token"])
    assert provider.get("/api/me", Authorization=bearer).status == 401
    assert not provider.is_active(client, tokens["access_token"])


def test_one_jwt_is_revoked_by_its_id(provider: Provider, client: MachineClient) -> None:
    first, second = (provider.get_token(client)["access_token"] for _ in range(2))
    provider.revoke(client, first)
    assert not provider.is_active(client, first)
    assert provider.is_active(client, second)


def test_without_its_specification_tokens_are_sealed(
    create_application: Callable[..., Any],
) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"rfc9068_jwt_access_token": False}))
    client = provider.create_client(policy={"access_token_format": "jwt"}, scope="profile")
    assert provider.get_token(client)["access_token"].startswith("gwat_")


def with_algorithm_none(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    return f"{write({**header, 'alg': 'none'})}.{write(claims)}."


def with_the_public_key_as_hmac_secret(header: dict[str, Any], claims: dict[str, Any], provider: Provider) -> str:
    public = provider.server.keys.keyring.signing["ES256"].key.as_pem(private=False)
    signed = f"{write({**header, 'alg': 'HS256'})}.{write(claims)}"
    return f"{signed}.{write(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


def with_a_key_of_ones_own(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    return signing.encode(header, claims, ECKey.generate_key("P-256"), algorithms=["ES256"])


def with_a_key_in_the_header(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    own = ECKey.generate_key("P-256")
    return signing.encode({**header, "jwk": own.as_dict(private=False)}, claims, own, algorithms=["ES256"])


def with_an_address_of_keys_in_the_header(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    own = ECKey.generate_key("P-256")
    fields = {**header, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x", "x5c": ["AAAA"]}
    return signing.encode(fields, claims, own, algorithms=["ES256"])


def with_a_path_for_a_kid(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    own = ECKey.generate_key("P-256")
    return signing.encode({**header, "kid": "../../dev/null' OR 1=1 --"}, claims, own, algorithms=["ES256"])


def with_another_type(header: dict[str, Any], claims: dict[str, Any], provider: Provider) -> str:
    return signing.encode(
        {**header, "typ": "JWT"}, claims, provider.server.keys.keyring.signing["ES256"].key, algorithms=["ES256"]
    )


def with_no_type(header: dict[str, Any], claims: dict[str, Any], provider: Provider) -> str:
    fields = {name: value for name, value in header.items() if name != "typ"}
    return signing.encode(fields, claims, provider.server.keys.keyring.signing["ES256"].key, algorithms=["ES256"])


def with_another_issuer(header: dict[str, Any], claims: dict[str, Any], provider: Provider) -> str:
    key = provider.server.keys.keyring.signing["ES256"].key
    return signing.encode(header, {**claims, "iss": "https://evil.example"}, key, algorithms=["ES256"])


def with_an_unknown_crit(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    return f"{write({**header, 'crit': ['unknown'], 'unknown': 1})}.{write(claims)}.{write(b'x' * 64)}"


def with_a_wider_scope(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    return f"{write(header)}.{write({**claims, 'scope': 'profile photos'})}.{write(b'x' * 64)}"


def that_is_oversized(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    return f"{write(header)}.{write({**claims, 'more': 'x' * 20_000})}.{write(b'x' * 64)}"


def that_is_deeply_nested(header: dict[str, Any], _claims: dict[str, Any], _provider: Provider) -> str:
    return f"{write(header)}.{write(b'[' * 5000 + b']' * 5000)}.{write(b'x' * 64)}"


def with_endless_numbers(header: dict[str, Any], _claims: dict[str, Any], _provider: Provider) -> str:
    endless = b'{"exp":' + b"9" * 5000 + b"}"
    return f"{write(header)}.{write(endless)}.{write(b'x' * 64)}"


def in_json_serialization(header: dict[str, Any], claims: dict[str, Any], _provider: Provider) -> str:
    return json.dumps({"payload": write(claims), "signatures": []})


FORGERIES = [
    with_algorithm_none,
    with_the_public_key_as_hmac_secret,
    with_a_key_of_ones_own,
    with_a_key_in_the_header,
    with_an_address_of_keys_in_the_header,
    with_a_path_for_a_kid,
    with_another_type,
    with_no_type,
    with_another_issuer,
    with_an_unknown_crit,
    with_a_wider_scope,
    that_is_oversized,
    that_is_deeply_nested,
    with_endless_numbers,
    in_json_serialization,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_no_forged_token_is_taken(
    provider: Provider, client: MachineClient, forge: Callable[[dict[str, Any], dict[str, Any], Provider], str]
) -> None:
    header, claims, _signature = parts_of(provider.log_in(client, scope="profile")["access_token"])
    forged = forge(header, claims, provider)
    answer = provider.get("/api/me", Authorization=f"Bearer {forged}")
    assert answer.status in (400, 401)
    introspected = provider.post("/oauth/introspect", {"token": forged}, client)
    assert introspected.status in (200, 400)
    assert introspected.status == 400 or introspected.json == {"active": False}
    assert provider.revoke(client, forged).status in (200, 400)


def test_a_token_signed_by_us_for_something_else_is_not_taken(provider: Provider, client: MachineClient) -> None:
    """Missing or odd claims under our own signature: refused, never a server error."""
    header, claims, _signature = parts_of(provider.log_in(client)["access_token"])
    key = provider.server.keys.keyring.signing["ES256"].key
    for name in ("iss", "sub", "aud", "client_id", "jti", "scope", "epochs", "exp", "iat"):
        short = {held: value for held, value in claims.items() if held != name}
        for odd in (short, {**claims, name: 7}, {**claims, name: [1]}, {**claims, name: None}):
            if odd.get(name) == claims[name] or (name == "iat" and odd.get(name) == 7):
                continue
            forged = signing.encode(header, odd, key, algorithms=["ES256"])
            assert provider.get("/api/me", Authorization=f"Bearer {forged}").status == 401, (name, odd)


def test_an_rsa_or_other_curve_signature_is_not_taken(provider: Provider, client: MachineClient) -> None:
    header, claims, _signature = parts_of(provider.log_in(client)["access_token"])
    own = ECKey.import_key(ec.generate_private_key(ec.SECP384R1()))
    forged = signing.encode({**header, "alg": "ES384"}, claims, own, algorithms=["ES384"])
    assert provider.get("/api/me", Authorization=f"Bearer {forged}").status == 401
