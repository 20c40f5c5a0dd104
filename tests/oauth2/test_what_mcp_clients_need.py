"""What MCP clients in the wild depend on, beyond what the specifications demand of every server."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.person import Person, Pkce, code_of
from tests.support.registering_client import REGISTER
from tests.support.token_requests import TOKEN, Provider
from website.resources import ResourceScope

REDIRECT_URI = "http://localhost:33418/callback"
METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
GRANT_TYPES = ["authorization_code", "refresh_token"]
ISSUER = "http://127.0.0.1:5000"


@pytest.fixture
def demo(create_application: Callable[..., Flask]) -> Provider:
    return Provider(create_application())


@pytest.mark.parametrize("path", METADATA)
def test_the_demo_offers_documents_registration_public_clients_and_the_issuer_in_responses(
    demo: Provider, path: str
) -> None:
    metadata = demo.get(path).json
    assert metadata["issuer"] == ISSUER  # without a slash at its end, as in every response
    assert metadata["client_id_metadata_document_supported"] is True
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["registration_endpoint"] == f"{ISSUER}{REGISTER}"
    assert {"none", "private_key_jwt"} <= {*metadata["token_endpoint_auth_methods_supported"]}
    assert metadata["code_challenge_methods_supported"] == ["S256"]


def test_the_scopes_of_apis_are_not_the_server_s(demo: Provider) -> None:
    """Some clients ask for every scope that the server lists."""
    before = demo.get(METADATA[0]).json["scopes_supported"]
    demo.server.resources.create("https://mcp.example/mcp", "Tools", [ResourceScope("tools:call", "Call", True)])
    assert demo.get(METADATA[0]).json["scopes_supported"] == before
    assert set(before) <= {"openid", "profile", "email", "address", "phone", "offline_access", "groups"}


def register(demo: Provider, **members: object) -> dict[str, object]:
    answer = demo.open("POST", REGISTER, json={"redirect_uris": [REDIRECT_URI], "client_name": "Tool", **members})
    assert answer.status == 201, answer.body
    return answer.json


def test_a_registration_keeps_what_is_offered_and_has_no_empty_members(demo: Provider) -> None:
    grants = [*GRANT_TYPES, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    said = register(demo, grant_types=grants, token_endpoint_auth_method="client_secret_post", scope="openid user")
    assert said["grant_types"] == GRANT_TYPES
    assert (said["token_endpoint_auth_method"], said["scope"]) == ("client_secret_post", "openid")
    assert said["client_secret"]
    assert None not in said.values()


def test_an_empty_scope_counts_as_none_and_a_scope_less_refresh_has_no_empty_members(demo: Provider) -> None:
    client_id = str(register(demo, token_endpoint_auth_method="none", grant_types=GRANT_TYPES)["client_id"])
    person, pkce = Person(demo.application.test_client()), Pkce()
    person.log_in()
    answer = person.allow(client_id, redirect_uri=REDIRECT_URI, scope="", **pkce.parameters)
    fields = {"client_id": client_id, "redirect_uri": REDIRECT_URI, "code_verifier": pkce.verifier}
    redeemed = person.post(TOKEN, {"grant_type": "authorization_code", "code": code_of(answer), **fields})
    refresh_token = json.loads(redeemed.text)["refresh_token"]
    again = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id}
    refreshed = json.loads(person.post(TOKEN, again).text)
    assert refreshed["scope"]
    assert None not in refreshed.values()


def test_a_dead_refresh_token_is_an_invalid_grant(demo: Provider) -> None:
    client_id = str(register(demo, token_endpoint_auth_method="none", grant_types=GRANT_TYPES)["client_id"])
    dead = demo.post(TOKEN, {"grant_type": "refresh_token", "refresh_token": "gwr_dead", "client_id": client_id})
    assert (dead.status, dead.error) == (400, "invalid_grant")
