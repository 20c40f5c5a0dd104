"""The table of contents: each specification switched off leaves no grant, no metadata key, no address."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.token_requests import Provider
from website.oauth2.specs import SPECS, spec_name
from website.settings import SettingsError

WELL_KNOWN = "/.well-known/oauth-authorization-server"
NAMES = [spec_name(module) for module in SPECS]
GRANTS = {
    "rfc6749_authorization_code": "authorization_code",
    "rfc6749_client_credentials": "client_credentials",
    "rfc6749_password": "password",
    "rfc6749_refresh_token": "refresh_token",
}
#: What each one adds to the metadata: key, and the value in it where the key is shared.
METADATA: dict[str, list[tuple[str, str | None]]] = {
    "rfc6749_authorization_endpoint": [("authorization_endpoint", None)],
    "rfc6749_token_endpoint": [("token_endpoint", None), ("token_endpoint_auth_methods_supported", None)],
    "rfc6749_authorization_code": [
        ("grant_types_supported", "authorization_code"),
        ("response_types_supported", "code"),
    ],
    "rfc6749_implicit": [("response_types_supported", "token")],
    "rfc6749_client_credentials": [("grant_types_supported", "client_credentials")],
    "rfc6749_password": [("grant_types_supported", "password")],
    "rfc6749_refresh_token": [("grant_types_supported", "refresh_token")],
    "rfc6750_bearer_token": [],
    "rfc7636_pkce": [("code_challenge_methods_supported", None)],
    "rfc7009_token_revocation": [("revocation_endpoint", None)],
    "rfc7662_token_introspection": [("introspection_endpoint", None)],
    "rfc7517_jwks": [("jwks_uri", None)],
    "rfc8628_device_authorization": [("device_authorization_endpoint", None)],
    "rfc9068_jwt_access_token": [],
    "rfc9207_issuer_identification": [("authorization_response_iss_parameter_supported", None)],
    "rfc9470_step_up_authentication": [],
    "oidc_core_scopes": [("scopes_supported", "email"), ("scopes_supported", "offline_access")],
    "groups": [("scopes_supported", "groups"), ("claims_supported", "groups")],
    "oidc_core_userinfo": [
        ("userinfo_endpoint", None),
        ("userinfo_signing_alg_values_supported", None),
        ("claims_supported", "name"),
        ("claim_types_supported", None),
    ],
    "oidc_core_id_token": [
        ("id_token_signing_alg_values_supported", None),
        ("subject_types_supported", None),
        ("acr_values_supported", None),
        ("claims_supported", "auth_time"),
        # What has an ID token in it goes with it.
        ("response_types_supported", "id_token"),
        ("response_types_supported", "code id_token"),
    ],
    "oidc_core_authentication_request": [("prompt_values_supported", None), ("ui_locales_supported", None)],
    "rfc7523_client_authentication": [
        (f"{endpoint}_endpoint_auth_{kind}_supported", value)
        for endpoint in ("token", "revocation", "introspection")
        for kind, value in (
            ("methods", "private_key_jwt"),
            ("methods", "client_secret_jwt"),
            ("signing_alg_values", None),
        )
    ],
    "rfc9101_jwt_secured_authorization_request": [
        ("require_request_uri_registration", None),
        ("request_object_signing_alg_values_supported", None),
        ("request_object_encryption_alg_values_supported", None),
        ("require_signed_request_object", None),
    ],
    "oidc_core_pairwise_subject": [("subject_types_supported", "pairwise")],
    "oidc_core_claims_parameter": [("claims_parameter_supported", None)],
    "oidc_core_implicit": [("response_types_supported", "id_token"), ("response_types_supported", "id_token token")],
    "oidc_core_hybrid": [
        ("response_types_supported", "code id_token"),
        ("response_types_supported", "code token"),
        ("response_types_supported", "code id_token token"),
    ],
    "oidc_core_third_party_login": [],
    "rfc7591_dynamic_client_registration": [("registration_endpoint", None)],
    "rfc7592_client_management": [],
    "draft_client_id_metadata_document": [("client_id_metadata_document_supported", None)],
    "oidc_rp_initiated_logout": [("end_session_endpoint", None)],
    "oidc_back_channel_logout": [
        ("backchannel_logout_supported", None),
        ("backchannel_logout_session_supported", None),
    ],
    "oidc_front_channel_logout": [
        ("frontchannel_logout_supported", None),
        ("frontchannel_logout_session_supported", None),
    ],
    "oidc_session_management": [("check_session_iframe", None)],
    "oidc_form_post_response_mode": [("response_modes_supported", "form_post")],
    "oidc_discovery": [],
    "oidc_discovery_webfinger": [],
    "rfc8414_server_metadata": [],
    "rfc8707_resource_indicators": [],
}
ADDRESSES = {
    "rfc6749_token_endpoint": "/oauth/token",
    "rfc6749_authorization_endpoint": "/oauth/authorize",
    "rfc7009_token_revocation": "/oauth/revoke",
    "rfc7662_token_introspection": "/oauth/introspect",
    "rfc7517_jwks": "/oauth/jwks",
    "oidc_core_userinfo": "/oauth/userinfo",
    "rfc7591_dynamic_client_registration": "/oauth/register",
    "oidc_rp_initiated_logout": "/oauth/logout",
    "rfc7592_client_management": "/oauth/register/client",
    "oidc_discovery": "/.well-known/openid-configuration",
    "oidc_discovery_webfinger": "/.well-known/webfinger",
    "rfc8414_server_metadata": WELL_KNOWN,
}


def has(metadata: dict[str, Any], key: str, value: str | None) -> bool:
    return key in metadata and (value is None or value in metadata[key])


@pytest.mark.parametrize("name", NAMES)
def test_metadata_appears_with_its_specification_and_vanishes_with_it(
    provider: Provider, create_application: Callable[..., Flask], name: str
) -> None:
    without = Provider(create_application(OAUTH2_SPECS={name: False}))
    on, off = (
        provider.server.metadata.describe("http://127.0.0.1"),
        without.server.metadata.describe("http://127.0.0.1"),
    )
    for key, value in METADATA[name]:
        assert has(on, key, value)
        assert not has(off, key, value)
    if name in ADDRESSES:
        for method in ("GET", "POST"):
            assert without.open(method, ADDRESSES[name], headers={"Accept": "application/json"}).status == 404


@pytest.mark.parametrize("name", GRANTS)
def test_a_grant_that_is_switched_off_is_unsupported(create_application: Callable[..., Flask], name: str) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={name: False}))
    client = provider.create_client(*GRANTS.values(), scope="profile")
    answer = provider.ask_token(client, GRANTS[name], code="x", refresh_token="x", username="x", password="x")
    assert (answer.status, answer.error) == (400, "unsupported_grant_type")


def test_without_the_refresh_grant_nobody_gets_a_refresh_token(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"rfc6749_refresh_token": False}))
    client = provider.create_client("password", "refresh_token", scope="profile")
    assert "refresh_token" not in provider.log_in(client)


def test_every_specification_is_listed_here() -> None:
    assert set(METADATA) == set(NAMES)


def test_the_metadata_endpoint_says_what_the_specifications_registered(provider: Provider) -> None:
    answer = provider.get(WELL_KNOWN)
    assert answer.status == 200
    assert answer.json["issuer"] == "http://127.0.0.1:5000"
    assert answer.json["token_endpoint"] == "http://127.0.0.1:5000/oauth/token"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    for key, value in answer.json.items():
        if key.endswith("_endpoint") or key == "jwks_uri":
            assert provider.open("OPTIONS", value.removeprefix("http://127.0.0.1:5000")).status in (200, 204)


def test_an_unknown_specification_stops_the_start(create_application: Callable[..., Flask]) -> None:
    with pytest.raises(SettingsError, match="OAUTH2_SPECS.*rfc0000"):
        create_application(OAUTH2_SPECS={"rfc0000": True})


def test_a_dotted_name_loads_a_module_of_the_embedder(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"tests.oauth2.own_specification": True}))
    assert provider.get(WELL_KNOWN).json["favourite_colour"] == "green"
    assert provider.get(WELL_KNOWN).json["scopes_supported"][-1] == "paint"
    assert (
        provider.server.registry.scopes["profile"] == provider.server.settings.scopes["profile"]
    )  # whoever named it first
    assert provider.get("/oauth/colour").json == {"colour": "green"}


def test_a_module_that_is_missing_stops_the_start(create_application: Callable[..., Flask]) -> None:
    with pytest.raises(SettingsError, match="no_such_module"):
        create_application(OAUTH2_SPECS={"no_such_module.at_all": True})


@pytest.fixture
def empty_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "forgetful").mkdir()
    (tmp_path / "forgetful" / "module.py").write_text("answer = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "forgetful.module"
    for name in ("forgetful", "forgetful.module"):
        sys.modules.pop(name, None)


def test_a_module_without_register_stops_the_start(create_application: Callable[..., Flask], empty_module: str) -> None:
    with pytest.raises(SettingsError, match=r"OAUTH2_SPECS: forgetful\.module has no function register"):
        create_application(OAUTH2_SPECS={empty_module: True})
