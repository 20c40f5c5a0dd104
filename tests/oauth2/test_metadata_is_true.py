"""The metadata is true: every value that it names works over HTTP, and what it does not name is refused (O1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine

from tests.oauth2.metadata_proofs import PROOFS, encrypt, key_of, object_of, site_of
from tests.support.person import REDIRECT_URI
from tests.support.registering_client import ask as register
from tests.support.request_objects import send
from tests.support.signing_client import jwks_of, key_for
from tests.support.token_requests import SCOPES, Provider
from website.configuration import read_settings
from website.database import Database
from website.oauth2.server import AuthorizationServer
from website.oauth2.specs import register_specs

DOCUMENTS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
#: What the pages add to what the protocol registers.
OF_PAGES = {"ui_locales_supported": ["en", "de", "es", "fr", "zh-Hans"]}
ISSUER = "http://127.0.0.1:5000"


def read_metadata() -> dict[str, Any]:
    """Describe a server such as these tests ask, without a database."""
    engine = create_engine("sqlite://")
    settings = read_settings({"OAUTH2_SCOPES": SCOPES, "OAUTH2_KEY_ENCRYPTION_KEY": "A" * 43}, {})
    server = AuthorizationServer(settings, Database(engine))
    register_specs(server)
    engine.dispose()
    return {**server.metadata.describe(ISSUER), **OF_PAGES}


def advertised() -> Iterator[tuple[str, Any]]:
    for member, value in read_metadata().items():
        if member != "issuer":
            yield from ((member, item) for item in (value if isinstance(value, list) else [value]))


ADVERTISED = list(advertised())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_these_tests_are_about_what_the_server_says(provider: Provider, document: str) -> None:
    assert provider.get(document).json == read_metadata()


@pytest.mark.parametrize(("member", "value"), ADVERTISED, ids=[f"{member}: {value}" for member, value in ADVERTISED])
def test_what_is_advertised_works(provider: Provider, member: str, value: Any) -> None:
    assert member in PROOFS, f"{member} is new: say in metadata_proofs.py how one sees that it is true"
    PROOFS[member](provider, value)


def test_every_proof_is_of_something() -> None:
    assert set(PROOFS) == {member for member, _value in ADVERTISED}


# What is not advertised. Each list has what the registries of these standards know besides.

ALGORITHMS = ["none", "HS512", "RS512x", "ES256K", "EdDSA25519"]
REGISTERED: list[tuple[str, str, Any]] = [
    *(("token_endpoint_auth_methods_supported", "token_endpoint_auth_method", method)
      for method in ("tls_client_auth", "self_signed_tls_client_auth", "client_secret_magic")),
    *(("id_token_signing_alg_values_supported", "id_token_signed_response_alg", name)
      for name in [*ALGORITHMS, "PS256", "RS512"]),
    *(("userinfo_signing_alg_values_supported", "userinfo_signed_response_alg", name)
      for name in [*ALGORITHMS, "PS256", "RS512"]),
    *(("request_object_signing_alg_values_supported", "request_object_signing_alg", name) for name in ALGORITHMS),
    *(("id_token_encryption_alg_values_supported", "id_token_encrypted_response_alg", name)
      for name in ("RSA1_5", "dir", "A128KW", "PBES2-HS256+A128KW", "RSA-OAEP-512")),
    *(("request_object_encryption_enc_values_supported", "request_object_encryption_enc", name)
      for name in ("A192GCM", "A192CBC-HS384")),
    ("subject_types_supported", "subject_type", "ephemeral"),
    ("scopes_supported", "scope", "magic"),
    *(("grant_types_supported", "grant_types", [name]) for name in (
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange", "urn:openid:params:grant-type:ciba")),
    *(("response_types_supported", "response_types", [name]) for name in ("none", "code code", "device")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("member", "field", "value"), REGISTERED, ids=[f"{field}: {value}" for _member, field, value in REGISTERED]
)
def test_no_client_registers_what_is_not_advertised(provider: Provider, member: str, field: str, value: Any) -> None:
    assert not {json.dumps(value), *(value if isinstance(value, list) else [value])} & set(read_metadata()[member])
    answer = register(provider, jwks=jwks_of(key_for("ES256")), **{field: value})
    assert (answer.status, answer.error) == (400, "invalid_client_metadata"), answer.body


@pytest.mark.parametrize(
    ("member", "field", "value"),
    [
        ("scopes_supported", "scope", "openid magic"),
        ("grant_types_supported", "grant_types", ["authorization_code", "urn:openid:params:grant-type:ciba"]),
        ("response_types_supported", "response_types", ["code", "none"]),
    ],
)
def test_what_is_not_advertised_falls_out_of_a_list(provider: Provider, member: str, field: str, value: Any) -> None:
    answer = register(provider, **{field: value})
    kept = answer.json[field]
    assert answer.status == 201
    assert kept == (value.split()[0] if isinstance(value, str) else value[:1])
    assert set(kept.split() if isinstance(kept, str) else kept) <= set(read_metadata()[member])


@pytest.mark.parametrize("response_type", ["none", "code magic", "id_token id_token", ""])
def test_no_other_response_type_is_answered(provider: Provider, response_type: str) -> None:
    answer = site_of(provider).ask(response_type)
    given = {**answer.query, **answer.fragment}
    assert given["error"] in ("unsupported_response_type", "invalid_request")


@pytest.mark.parametrize("mode", ["jwt", "query.jwt", "web_message", "fragment"])
def test_no_other_response_mode_is_taken(provider: Provider, mode: str) -> None:
    assert site_of(provider).ask("code", response_mode=mode).query["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"scope": "magic"}, "invalid_scope"),
    ],
    ids=str,
)
def test_no_other_parameter_is_taken(provider: Provider, parameters: dict[str, str], error: str) -> None:
    assert site_of(provider).ask("code", **parameters).query["error"] == error


@pytest.mark.parametrize("grant_type", ["urn:ietf:params:oauth:grant-type:jwt-bearer", "magic", "implicit"])
def test_no_other_grant_gives_a_token(provider: Provider, grant_type: str) -> None:
    client = provider.create_client("client_credentials", grant_type)
    assert provider.ask_token(client, grant_type).error == "unsupported_grant_type"


def test_no_client_without_a_secret_introspects(provider: Provider) -> None:
    client = provider.create_client("password", token_endpoint_auth_method="none")
    assert provider.post("/oauth/introspect", {"token": "x"}, client).error == "invalid_client"


@pytest.mark.parametrize(("algorithm", "content"), [("RSA1_5", "A128GCM"), ("ECDH-ES", "A192GCM")])
def test_no_object_encrypted_otherwise_is_opened(provider: Provider, algorithm: str, content: str) -> None:
    site = site_of(provider, jwks=jwks_of(key_for("ES256")))
    key = key_of(provider, algorithm)
    text = encrypt(object_of(site), key, algorithm, content)
    answer = send(site, request=text, redirect_uri=REDIRECT_URI, response_type="code")
    assert answer.query["error"] == "request_not_supported"


@pytest.mark.parametrize("path", ["/oauth/par", "/oauth/bc-authorize", "/oauth/challenge"])
def test_no_other_address_answers(provider: Provider, path: str) -> None:
    assert {provider.open(method, path).status for method in ("GET", "POST")} == {404}
