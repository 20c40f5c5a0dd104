"""Token introspection: only for whom a token concerns; anybody else hears that it is not active, and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from tests.support.token_requests import INTROSPECT, SCOPES, MachineClient, Provider

INACTIVE = {"active": False}


@pytest.fixture
def client(stored_provider: Provider) -> MachineClient:
    return stored_provider.create_client("password", "refresh_token", "client_credentials")


def test_a_users_access_token_is_described(stored_provider: Provider, client: MachineClient) -> None:
    said = stored_provider.introspect(client, stored_provider.log_in(client, scope="photos")["access_token"])
    assert said == {
        "active": True,
        "scope": "photos",
        "client_id": client.client_id,
        "token_type": "Bearer",
        "exp": said["iat"] + 600,
        "iat": said["iat"],
        "iss": "http://127.0.0.1:5000",
        "aud": ["http://127.0.0.1:5000"],
        "jti": said["jti"],
        "sub": said["sub"],
    }


def test_no_user_name_is_told(stored_provider: Provider, client: MachineClient) -> None:
    token = stored_provider.log_in(client, "grace")["access_token"]
    answer = stored_provider.post(INTROSPECT, {"token": token}, client)
    assert b"grace" not in answer.body


def test_a_refresh_token_is_described(stored_provider: Provider, client: MachineClient) -> None:
    said = stored_provider.introspect(client, stored_provider.log_in(client)["refresh_token"])
    assert said["active"] is True
    assert said["client_id"] == client.client_id
    assert "token_type" not in said


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_another_client_hears_only_that_it_is_not_active(
    stored_provider: Provider, kind: str, token_format: str
) -> None:
    owner = stored_provider.create_client("password", "refresh_token", policy={"access_token_format": token_format})
    other = stored_provider.create_client("password", "refresh_token")
    response = stored_provider.log_in(owner)
    assert stored_provider.introspect(other, response[kind]) == INACTIVE
    assert stored_provider.is_active(owner, response[kind])


def test_an_api_named_in_the_audience_gets_the_answer(stored_provider: Provider, client: MachineClient) -> None:
    api = stored_provider.create_client()
    server = stored_provider.server
    issued = server.grants.tokens.read_access_token(stored_provider.log_in(client)["access_token"])
    for_api = server.grants.tokens.write_access_token(issued._replace(audience=(api.client_id,)), "sealed", "")
    said = stored_provider.introspect(api, for_api)
    assert (said["active"], said["client_id"], said["aud"]) == (True, client.client_id, [api.client_id])
    assert stored_provider.introspect(stored_provider.create_client(), for_api) == INACTIVE


@pytest.fixture
def api(stored_provider: Provider) -> MachineClient:
    """A client that the operator lets look at tokens."""
    return stored_provider.create_client(policy={"may_introspect": True})


@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
@pytest.mark.parametrize("grant_type", ["password", "client_credentials"])
def test_an_api_that_may_look_is_told_of_every_token_meant_for_this_server(
    stored_provider: Provider, api: MachineClient, token_format: str, grant_type: str
) -> None:
    owner = stored_provider.create_client(grant_type, policy={"access_token_format": token_format})
    given = (
        stored_provider.log_in(owner, scope="photos")
        if grant_type == "password"
        else stored_provider.get_token(owner, scope="photos")
    )
    told = stored_provider.introspect(api, given["access_token"])
    assert (told["active"], told["client_id"], told["scope"]) == (True, owner.client_id, "photos")
    assert told == stored_provider.introspect(owner, given["access_token"])
    assert ("sub" in told) == (grant_type == "password")
    stored_provider.revoke(owner, given["access_token"])
    assert stored_provider.introspect(api, given["access_token"]) == INACTIVE


def test_no_api_is_told_of_anybodys_refresh_token(
    stored_provider: Provider, client: MachineClient, api: MachineClient
) -> None:
    token = stored_provider.log_in(client)["refresh_token"]
    assert stored_provider.introspect(api, token) == INACTIVE
    assert stored_provider.introspect(api, token, token_type_hint="access_token") == INACTIVE
    assert stored_provider.is_active(client, token)


def test_an_api_that_may_look_is_not_told_of_tokens_meant_for_another_server(
    stored_provider: Provider, client: MachineClient, api: MachineClient
) -> None:
    tokens = stored_provider.server.grants.tokens
    issued = tokens.read_access_token(stored_provider.log_in(client)["access_token"])
    for_another = tokens.write_access_token(issued._replace(audience=("https://api.example",)), "sealed", "")
    assert stored_provider.introspect(api, for_another) == INACTIVE
    assert stored_provider.is_active(client, for_another)


def test_a_public_client_is_told_nothing_even_if_its_row_says_that_it_may(
    stored_provider: Provider, client: MachineClient
) -> None:
    token = stored_provider.log_in(client)["access_token"]
    public = stored_provider.create_client(
        "password", policy={"may_introspect": True}, token_endpoint_auth_method="none"
    )
    assert stored_provider.post(INTROSPECT, {"token": token}, public).error == "invalid_client"


def test_who_may_look_is_decided_anew_at_any_time(stored_provider: Provider, client: MachineClient) -> None:
    token, api = stored_provider.log_in(client)["access_token"], stored_provider.create_client()
    assert stored_provider.introspect(api, token) == INACTIVE
    stored_provider.server.clients.set_may_introspect(api.row, True)
    assert stored_provider.is_active(api, token)
    stored_provider.server.clients.set_may_introspect(api.row, False)
    assert stored_provider.introspect(api, token) == INACTIVE


def test_a_disabled_api_may_not_look(stored_provider: Provider, client: MachineClient, api: MachineClient) -> None:
    token = stored_provider.log_in(client)["access_token"]
    stored_provider.server.clients.set_disabled(api.row, True)
    assert stored_provider.post(INTROSPECT, {"token": token}, api).error == "invalid_client"


@pytest.mark.parametrize("token", ["nonsense", "gwat_", "gwrt_AAAA", "eyJ.e30.x", "\U0001f511", "a" * 8000, " "])
def test_an_unknown_token_is_not_active(stored_provider: Provider, client: MachineClient, token: str) -> None:
    assert stored_provider.introspect(client, token) == INACTIVE


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_hint_changes_nothing(stored_provider: Provider, client: MachineClient, kind: str, hint: str) -> None:
    token = stored_provider.log_in(client)[kind]
    assert stored_provider.introspect(client, token, token_type_hint=hint)["active"] is True


def test_the_answer_is_not_kept_by_caches(stored_provider: Provider, client: MachineClient) -> None:
    answer = stored_provider.post(INTROSPECT, {"token": "x"}, client)
    assert answer.headers["Cache-Control"] == "no-store"


def test_whoever_asks_must_have_proved_who_they_are(stored_provider: Provider, client: MachineClient) -> None:
    token = stored_provider.log_in(client)["access_token"]
    public = stored_provider.create_client("password", token_endpoint_auth_method="none")
    own = stored_provider.log_in(public)["access_token"]
    assert stored_provider.post(INTROSPECT, {"token": own}, public).error == "invalid_client"
    for fields in ({}, {"client_id": client.client_id}, {"client_id": client.client_id, "client_secret": "x"}):
        answer = stored_provider.post(INTROSPECT, {"token": token, **fields})
        assert (answer.status, answer.error) == (401, "invalid_client")


def test_a_request_without_a_token_is_refused(stored_provider: Provider, client: MachineClient) -> None:
    assert stored_provider.post(INTROSPECT, {}, client).error == "invalid_request"


def bump(provider: Provider, table: str, condition: str) -> None:
    with provider.server.database.writing() as session:
        session.connection().exec_driver_sql(f"UPDATE {table} SET token_epoch = token_epoch + 1 WHERE {condition}")
    provider.server.cache_invalidation.forget()


@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_tokens_of_a_former_epoch_of_the_client_are_not_active(stored_provider: Provider, token_format: str) -> None:
    client = stored_provider.create_client("client_credentials", policy={"access_token_format": token_format})
    token = stored_provider.get_token(client)["access_token"]
    bump(stored_provider, "oauth2_client", f"id = '{client.row}'")
    assert stored_provider.introspect(client, token) == INACTIVE
    assert stored_provider.is_active(client, stored_provider.get_token(client)["access_token"])


@pytest.mark.parametrize("token_format", ["sealed", "jwt"])
def test_tokens_of_a_former_epoch_of_the_user_are_not_active(stored_provider: Provider, token_format: str) -> None:
    client = stored_provider.create_client("password", policy={"access_token_format": token_format})
    token, other = (stored_provider.log_in(client, name)["access_token"] for name in ("heidi", "ivan"))
    subject = stored_provider.introspect(client, token)["sub"]
    bump(stored_provider, "oauth2_subject", f"subject = '{subject}'")
    assert stored_provider.introspect(client, token) == INACTIVE
    assert stored_provider.is_active(client, other)
    assert stored_provider.is_active(client, stored_provider.log_in(client, "heidi")["access_token"])


def test_a_deleted_subject_leaves_dead_tokens(stored_provider: Provider, client: MachineClient) -> None:
    response: dict[str, Any] = stored_provider.log_in(client, "judy")
    subject = stored_provider.introspect(client, response["access_token"])["sub"]
    with stored_provider.server.database.writing() as session:
        session.connection().exec_driver_sql(f"DELETE FROM oauth2_subject WHERE subject = '{subject}'")
    for kind in ("access_token", "refresh_token"):
        assert stored_provider.introspect(client, response[kind]) == INACTIVE
    again = stored_provider.log_in(client, "judy")["access_token"]
    assert stored_provider.introspect(client, again)["sub"] != subject


def test_a_client_made_again_under_the_same_client_id_does_not_inherit_tokens(
    create_application: Callable[..., Flask],
) -> None:
    provider = Provider(create_application(OAUTH2_SCOPES=SCOPES))
    former = provider.create_client()
    token = provider.get_token(former)["access_token"]
    provider.server.clients.delete(former.row)
    heir = provider.create_client()
    with provider.server.database.writing() as session:
        session.connection().exec_driver_sql(
            f"UPDATE oauth2_client SET client_id = '{former.client_id}' WHERE id = '{heir.row}'"
        )
    provider.server.cache_invalidation.forget()
    heir = replace(heir, client_id=former.client_id)
    assert provider.introspect(heir, token) == INACTIVE
