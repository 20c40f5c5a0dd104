"""Authorization server metadata: what is switched on, under the one issuer, whatever a Host header says."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from flask import Flask

from tests.support.token_requests import PRODUCTION, Provider

WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.fixture
def production(secure_transport_required: None, create_application: Callable[..., Flask]) -> Callable[..., Provider]:
    def open_production(**settings: object) -> Provider:
        return Provider(create_application(**{**PRODUCTION, **settings}))

    return open_production


def test_authlib_finds_the_metadata_valid(production: Callable[..., Provider]) -> None:
    AuthorizationServerMetadata(production().get(WELL_KNOWN).json).validate()


def test_it_says_what_the_server_does(provider: Provider) -> None:
    said = provider.get(WELL_KNOWN).json
    assert set(said["grant_types_supported"]) == {
        "authorization_code", "implicit", "client_credentials", "password", "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
    }  # fmt: skip
    assert set(said["response_types_supported"]) == {
        "code", "token", "id_token", "id_token token", "code id_token", "code id_token token", "code token",
    }  # fmt: skip
    assert said["code_challenge_methods_supported"] == ["S256"]
    by_secret, by_jwt = ["client_secret_basic", "client_secret_post"], ["client_secret_jwt", "private_key_jwt"]
    assert said["token_endpoint_auth_methods_supported"] == [*by_secret, "none", *by_jwt]
    assert said["introspection_endpoint_auth_methods_supported"] == [*by_secret, *by_jwt]
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["scopes_supported"] == [
        "openid", "profile", "email", "address", "phone", "offline_access", "groups", "photos",
    ]  # fmt: skip


def test_every_address_it_names_is_served(provider: Provider) -> None:
    said = provider.get(WELL_KNOWN).json
    addresses = [value for name, value in said.items() if name.endswith("_endpoint") or name == "jwks_uri"]
    assert len(addresses) >= 5
    for address in addresses:
        assert provider.get(urlsplit(address).path).status != 404, address


def test_it_may_be_kept_a_while_and_read_from_any_page(provider: Provider) -> None:
    answer = provider.get(WELL_KNOWN)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    head = provider.open("HEAD", WELL_KNOWN)
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-For": "6.6.6.6"},
        {"Forwarded": "host=evil.example;proto=http"},
        {"X-Forwarded-Prefix": "/evil", "X-Script-Name": "/evil", "X-Original-URL": "/evil"},
    ],
)
@pytest.mark.parametrize("proxies", [0, 1])
def test_the_issuer_follows_no_header(
    production: Callable[..., Provider], headers: dict[str, str], proxies: int
) -> None:
    provider = production(OAUTH2_TRUSTED_PROXIES=proxies)
    trusted = {"X-Forwarded-Proto": "https"} if proxies else {}
    answer = provider.get(WELL_KNOWN, **{**headers, **trusted})
    assert answer.json["issuer"] == "https://id.example"
    assert b"evil" not in answer.body


def test_an_issuer_with_a_path_has_its_metadata_before_that_path(production: Callable[..., Provider]) -> None:
    provider = production(OAUTH2_ISSUER="https://id.example/tenant")
    answer = provider.open("GET", WELL_KNOWN + "/tenant", base_url="https://id.example")
    assert answer.json["issuer"] == "https://id.example/tenant"
    assert answer.json["token_endpoint"] == "https://id.example/tenant/oauth/token"


def test_in_the_demo_the_issuer_is_the_address_in_use(provider: Provider) -> None:
    for host in ("127.0.0.1:5000", "localhost:8000", "[::1]:5000"):
        answer = provider.open("GET", WELL_KNOWN, base_url=f"http://{host}")
        assert answer.json["issuer"] == f"http://{host}"
