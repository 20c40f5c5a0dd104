"""Discovery for clients of OpenID Connect: the one metadata, under the issuer's own path."""

from __future__ import annotations

from collections.abc import Callable

from authlib.oidc.discovery import OpenIDProviderMetadata
from flask import Flask

from tests.support.token_requests import PRODUCTION, Provider

OPENID_CONFIGURATION = "/.well-known/openid-configuration"


def test_both_addresses_say_the_same(provider: Provider) -> None:
    answer = provider.get(OPENID_CONFIGURATION)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json == provider.get("/.well-known/oauth-authorization-server").json


def test_authlib_finds_it_valid(secure_transport_required: None, create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(**PRODUCTION, OAUTH2_SIGNING_ALGORITHMS=["ES256", "RS256"]))
    OpenIDProviderMetadata(provider.get(OPENID_CONFIGURATION).json).validate()


def test_it_stands_below_the_path_of_an_issuer(
    secure_transport_required: None, create_application: Callable[..., Flask]
) -> None:
    issuer = "https://id.example/sso"
    provider = Provider(create_application(**{**PRODUCTION, "OAUTH2_ISSUER": issuer}))
    said = provider.open("GET", OPENID_CONFIGURATION, headers={"Host": "evil.example"})
    assert said.json["issuer"] == issuer
    assert said.json["token_endpoint"] == f"{issuer}/oauth/token"


def test_without_id_tokens_this_is_no_openid_provider(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"oidc_core_id_token": False}))
    assert provider.get(OPENID_CONFIGURATION, Accept="application/json").status == 404
    assert provider.server.metadata.describe("http://127.0.0.1")["response_types_supported"] == ["code", "token"]
