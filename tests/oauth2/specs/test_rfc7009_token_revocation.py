"""Token revocation: a client ends its own tokens, nobody else's; effective at once, on every node."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.token_requests import REVOKE, SCOPES, MachineClient, Provider

HINTS = ["access_token", "refresh_token", "nonsense", ""]


@pytest.fixture
def client(stored_provider: Provider) -> MachineClient:
    return stored_provider.create_client("password", "refresh_token", "client_credentials")


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_hint_changes_nothing(stored_provider: Provider, client: MachineClient, kind: str, hint: str) -> None:
    response = stored_provider.log_in(client)
    answer = stored_provider.revoke(client, response[kind], token_type_hint=hint)
    assert (answer.status, answer.json) == (200, {})
    assert not stored_provider.is_active(client, response[kind])


def test_revoking_a_refresh_token_ends_every_token_of_the_grant(
    stored_provider: Provider, client: MachineClient
) -> None:
    first = stored_provider.log_in(client)
    second = stored_provider.refresh(client, first["refresh_token"]).json
    stored_provider.revoke(client, second["refresh_token"])
    for token in (first["access_token"], second["access_token"], second["refresh_token"]):
        assert not stored_provider.is_active(client, token)
    assert stored_provider.refresh(client, second["refresh_token"]).error == "invalid_grant"


def test_revoking_a_spent_refresh_token_ends_the_grant_too(stored_provider: Provider, client: MachineClient) -> None:
    first = stored_provider.log_in(client)
    second = stored_provider.refresh(client, first["refresh_token"]).json
    stored_provider.revoke(client, first["refresh_token"])
    assert not stored_provider.is_active(client, second["access_token"])


def test_revoking_an_access_token_ends_it_alone(stored_provider: Provider, client: MachineClient) -> None:
    response = stored_provider.log_in(client)
    stored_provider.revoke(client, response["access_token"])
    assert not stored_provider.is_active(client, response["access_token"])
    assert stored_provider.is_active(client, response["refresh_token"])
    fresh = stored_provider.refresh(client, response["refresh_token"]).json
    assert stored_provider.is_active(client, fresh["access_token"])
    assert not stored_provider.is_active(client, response["access_token"])


def test_revoking_an_access_token_can_end_its_grant(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_SCOPES=SCOPES, OAUTH2_REVOKE_GRANT_WITH_ACCESS_TOKEN=True))
    client = provider.create_client("password", "refresh_token", "client_credentials")
    response = provider.log_in(client)
    provider.revoke(client, response["access_token"])
    assert provider.refresh(client, response["refresh_token"]).error == "invalid_grant"
    own = provider.get_token(client)["access_token"]
    provider.revoke(client, own)
    assert not provider.is_active(client, own)


@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_a_clients_own_token_can_be_revoked(stored_provider: Provider, token_format: str) -> None:
    client = stored_provider.create_client(policy={"access_token_format": token_format})
    mine, kept = (stored_provider.get_token(client)["access_token"] for _ in range(2))
    stored_provider.revoke(client, mine)
    assert not stored_provider.is_active(client, mine)
    assert stored_provider.is_active(client, kept)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_client_cannot_revoke_token_of_another_client(stored_provider: Provider, kind: str, token_format: str) -> None:
    client = stored_provider.create_client("password", "refresh_token", policy={"access_token_format": token_format})
    other = stored_provider.create_client("password", "refresh_token")
    response = stored_provider.log_in(client)
    answer = stored_provider.revoke(other, response[kind])
    assert (answer.status, answer.json) == (200, {})
    assert stored_provider.is_active(client, response["access_token"])
    assert stored_provider.is_active(client, response["refresh_token"])


@pytest.mark.parametrize("token", ["nonsense", "gwat_", "gwrt_", "gwat_AAAA", "eyJ.e30.x", "\U0001f511", "a" * 5000])
def test_an_unknown_token_is_answered_like_a_revoked_one(
    stored_provider: Provider, client: MachineClient, token: str
) -> None:
    answer = stored_provider.revoke(client, token)
    assert (answer.status, answer.json) == (200, {})


def test_revoking_twice_is_answered_alike(stored_provider: Provider, client: MachineClient) -> None:
    response = stored_provider.log_in(client)
    for kind in ("access_token", "access_token", "refresh_token", "refresh_token"):
        assert stored_provider.revoke(client, response[kind]).status == 200


def test_a_public_client_can_revoke_its_tokens(stored_provider: Provider) -> None:
    client = stored_provider.create_client("password", "refresh_token", token_endpoint_auth_method="none")
    api = stored_provider.create_client("password", "refresh_token")
    response = stored_provider.log_in(client)
    assert stored_provider.revoke(client, response["refresh_token"]).status == 200
    assert stored_provider.refresh(client, response["refresh_token"]).error == "invalid_grant"
    assert not stored_provider.is_active(api, response["access_token"])


def test_revocation_needs_the_clients_authentication(stored_provider: Provider, client: MachineClient) -> None:
    token = stored_provider.log_in(client)["access_token"]
    for fields in ({}, {"client_id": client.client_id}, {"client_id": client.client_id, "client_secret": "x"}):
        assert stored_provider.post(REVOKE, {"token": token, **fields}).error == "invalid_client"
    assert stored_provider.is_active(client, token)


def test_a_request_without_a_token_is_refused(stored_provider: Provider, client: MachineClient) -> None:
    assert stored_provider.post(REVOKE, {}, client).error == "invalid_request"


@pytest.fixture
def nodes(create_application: Callable[..., Flask], database_uri: str) -> tuple[Provider, Provider]:
    """Two applications on one database, as two nodes are."""
    settings = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_SCOPES": SCOPES}
    return Provider(create_application(**settings)), Provider(create_application(initdb=False, **settings))


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_another_node_knows_of_a_revocation_at_the_next_request(nodes: tuple[Provider, Provider], kind: str) -> None:
    here, there = nodes
    client = here.create_client("password", "refresh_token")
    response = here.log_in(client)
    assert there.is_active(client, response["access_token"])
    here.revoke(client, response[kind])
    assert not there.is_active(client, response[kind])
    assert not there.is_active(client, response["access_token"])


def test_nothing_but_the_tokens_id_is_stored(stored_provider: Provider, client: MachineClient) -> None:
    token = stored_provider.get_token(client)["access_token"]
    jti = stored_provider.introspect(client, token)["jti"]
    assert jti not in stored_provider.read_everything()
    stored_provider.revoke(client, token)
    stored = stored_provider.read_everything()
    assert jti in stored
    assert token[5:] not in stored
