"""The client credentials grant: a machine acts for itself, and nothing more."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.recorded_statements import Recorder
from tests.support.token_requests import Provider
from website.clients.metadata import check_metadata


def test_client_gets_its_registered_scope_where_it_asks_for_none(provider: Provider) -> None:
    assert provider.get_token(provider.create_client(scope="photos profile"))["scope"] == "photos profile"


def test_client_gets_the_narrower_scope_it_asks_for(provider: Provider) -> None:
    client = provider.create_client()
    response = provider.get_token(client, scope="photos")
    assert response["scope"] == "photos"
    assert provider.introspect(client, response["access_token"])["scope"] == "photos"


@pytest.mark.parametrize("scope", ["nonsense", "photos nonsense", "PHOTOS", 'photos"', "photos,profile", "\u00e9"])
def test_a_scope_that_is_unknown_is_refused(provider: Provider, scope: str) -> None:
    answer = provider.ask_token(provider.create_client(), scope=scope)
    assert (answer.status, answer.error) == (400, "invalid_scope")


@pytest.mark.parametrize("scope", ["photos", "profile photos"])
def test_a_scope_that_the_client_did_not_register_is_refused(provider: Provider, scope: str) -> None:
    answer = provider.ask_token(provider.create_client(scope="profile"), scope=scope)
    assert (answer.status, answer.error) == (400, "invalid_scope")


def test_a_registered_scope_that_the_server_no_longer_knows_is_not_granted(provider: Provider) -> None:
    assert provider.get_token(provider.create_client(scope="profile former"))["scope"] == "profile"


@pytest.mark.parametrize("scope", ["openid", "offline_access", "openid photos", "photos offline_access"])
def test_what_only_a_user_can_give_is_refused_to_a_client_by_itself(provider: Provider, scope: str) -> None:
    client = provider.create_client(scope="openid offline_access photos")
    answer = provider.ask_token(client, scope=scope)
    assert (answer.status, answer.error) == (400, "invalid_scope")


def test_what_only_a_user_can_give_is_not_part_of_the_default_scope(provider: Provider) -> None:
    client = provider.create_client(scope="openid offline_access photos")
    assert provider.get_token(client)["scope"] == "photos"


def test_there_is_no_refresh_token_and_no_user(provider: Provider) -> None:
    client = provider.create_client("client_credentials", "authorization_code", "refresh_token")
    response = provider.get_token(client)
    assert "refresh_token" not in response
    assert "id_token" not in response
    assert "sub" not in provider.introspect(client, response["access_token"])


def test_nothing_is_written(database_uri: str, create_application: Callable[..., Flask]) -> None:
    recorder = Recorder()
    with recorder.listening():
        provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri))
        provider.create_client()  # over the connection that is recorded
    with recorder.record() as creation:
        client = provider.create_client()
    with recorder.record() as recording:
        provider.get_token(client)
    assert "INSERT" in creation.verbs
    assert not {"INSERT", "UPDATE", "DELETE"} & set(recording.verbs)


def test_two_tokens_are_never_the_same(provider: Provider) -> None:
    client = provider.create_client()
    tokens = [provider.get_token(client)["access_token"] for _ in range(50)]
    assert len(set(tokens)) == 50
    assert len({provider.introspect(client, token)["jti"] for token in tokens}) == 50


def test_a_public_client_cannot_register_for_it(provider: Provider) -> None:
    metadata = {"client_name": "x", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}
    assert "grant_types" in check_metadata(metadata, provider.server.metadata.offered).by_field


@pytest.mark.parametrize("name", ["", "alice", "\U0001f511 4-byte name"])
def test_the_client_of_a_token_can_never_be_taken_for_a_user(provider: Provider, name: str) -> None:
    """A subject is drawn at random, of 128 bits, and so is a client_id; neither is ever chosen by anyone."""
    client = provider.create_client(client_name=name, policy={"access_token_format": "jwt"})
    user = provider.create_client("password", "refresh_token")
    said = provider.introspect(user, provider.log_in(user, "alice")["access_token"])
    assert len(said["sub"]) == len(client.client_id) == 22
    assert said["sub"] != client.client_id
    with provider.server.database.reading() as session:
        taken = session.connection().exec_driver_sql(
            "SELECT count(*) FROM oauth2_subject JOIN oauth2_client ON client_id = subject"
        )
        assert taken.scalar() == 0
