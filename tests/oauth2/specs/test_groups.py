"""The scope and claim ``groups``: which client sees which, where, and at what price."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.embedding_host import open_hosts
from tests.support.one_application import open_application
from tests.support.openid_client import IN_BROWSER, OpenIDClient
from tests.support.recorded_statements import Recorder
from tests.support.token_requests import Provider
from website.access.group_changes import MAX_GROUPS_OF_ACCOUNT

METADATA = "/.well-known/openid-configuration"
SCOPE = "openid profile groups offline_access"
recorder = Recorder()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with recorder.listening(), open_application(tmp_path_factory.mktemp("instance")) as application:
        provider = Provider(application)
        fill(provider, "alice", "staff", "Ops", "grafana-admins")
        fill(provider, "bob", "staff")
        yield provider


def fill(provider: Provider, username: str, *names: str) -> None:
    """Have an account be in these groups, and in no others."""
    groups, user_id = provider.server.access.groups, int(provider.server.users.find_or_create(username).id)
    for group in groups.groups_of(user_id):
        groups.remove_members(group.id, [user_id])
    for name in names:
        groups.add_members((groups.find(name) or groups.create(name)).id, [user_id])


def open_client(provider: Provider, username: str = "alice", scope: str = SCOPE, **policy: Any) -> OpenIDClient:
    chosen = {"is_first_party": True, **policy}
    client = provider.create_client(
        "authorization_code", "implicit", "refresh_token", policy=chosen, scope=scope,
        response_types=["code", *IN_BROWSER], redirect_uris=["https://client.example/cb"],
    )  # fmt: skip
    opened = OpenIDClient.of(provider, client)
    opened.person.log_in(username)
    return opened


def userinfo(client: OpenIDClient, tokens: dict[str, Any]) -> dict[str, Any]:
    answer = client.provider.get("/oauth/userinfo", Authorization=f"Bearer {tokens['access_token']}")
    assert answer.status == 200
    return dict(answer.json)


@pytest.mark.parametrize(("username", "names"), [("alice", ["Ops", "grafana-admins", "staff"]), ("carol", [])])
def test_userinfo_lists_the_names_in_order(provider: Provider, username: str, names: list[str]) -> None:
    client = open_client(provider, username)
    tokens = client.get_tokens(scope="openid groups")
    assert userinfo(client, tokens)["groups"] == names
    assert "groups" not in client.judge(tokens["id_token"])


def test_a_client_that_reads_the_id_token_alone_finds_them_there_and_after_a_refresh(provider: Provider) -> None:
    client = open_client(provider, "dora", claims_in_id_token=True)
    fill(provider, "dora", "staff")
    tokens = client.get_tokens(scope=SCOPE)
    assert client.judge(tokens["id_token"])["groups"] == ["staff"]
    fill(provider, "dora", "ops")
    renewed = provider.get_token(client.client, "refresh_token", refresh_token=tokens["refresh_token"])
    assert client.judge(renewed["id_token"])["groups"] == ["Ops"]
    assert userinfo(client, renewed)["groups"] == ["Ops"]


def test_a_client_that_is_not_first_party_sees_none_that_nothing_names(provider: Provider) -> None:
    client = open_client(provider, is_first_party=False, claims_in_id_token=True)
    page = client.ask(scope="openid groups")
    assert "See your groups" in page.text
    tokens = client.get_tokens(scope="openid groups")
    assert userinfo(client, tokens)["groups"] == []
    assert client.judge(tokens["id_token"])["groups"] == []


def test_without_the_scope_there_are_none(provider: Provider) -> None:
    client = open_client(provider, claims_in_id_token=True)
    tokens = client.get_tokens(scope="openid profile")
    assert "groups" not in userinfo(client, tokens)
    assert "groups" not in client.judge(tokens["id_token"])
    narrowed = client.get_tokens(scope=SCOPE)
    renewed = provider.get_token(
        client.client, "refresh_token", refresh_token=narrowed["refresh_token"], scope="openid profile"
    )
    assert "groups" not in userinfo(client, renewed)
    assert "groups" not in client.judge(renewed["id_token"])


def test_a_client_without_it_in_its_list_does_not_get_it(provider: Provider) -> None:
    client = open_client(provider, scope="openid profile", claims_in_id_token=True)
    for more in ({}, {"claims": json.dumps({"userinfo": {"groups": None}, "id_token": {"groups": None}})}):
        tokens = client.get_tokens(scope="openid groups", **more)
        assert tokens["scope"] == "openid"
        assert "groups" not in userinfo(client, tokens)
        assert "groups" not in client.judge(tokens["id_token"])


def test_a_client_may_ask_for_the_claim_by_its_name(provider: Provider) -> None:
    client = open_client(provider, "bob")
    tokens = client.get_tokens(scope="openid", claims=json.dumps({"id_token": {"groups": {"essential": True}}}))
    assert client.judge(tokens["id_token"])["groups"] == ["staff"]
    assert "groups" not in userinfo(client, tokens)


@pytest.mark.parametrize("response_type", [kind for kind in IN_BROWSER if "id_token" in kind.split() and " " in kind])
def test_no_id_token_that_travels_through_the_browser_has_them(provider: Provider, response_type: str) -> None:
    client = open_client(provider, claims_in_id_token=True)
    answer = client.allow(response_type, scope="openid groups")
    assert "groups" not in client.judge(answer.fragment["id_token"])


def test_a_client_that_acts_for_itself_is_in_no_group(provider: Provider) -> None:
    machine = provider.create_client("client_credentials", scope="groups")
    answer = provider.ask_token(machine, "client_credentials", scope="groups")
    assert answer.status == 200
    refused = provider.get("/oauth/userinfo", Authorization=f"Bearer {answer.json['access_token']}")
    assert refused.status in (401, 403)


def test_a_new_name_is_what_applications_see(provider: Provider) -> None:
    client = open_client(provider, "emil")
    fill(provider, "emil", "crew")
    groups = provider.server.access.groups
    tokens = client.get_tokens(scope="openid groups")
    groups.update(groups.find("crew").id, name="team")
    assert userinfo(client, tokens)["groups"] == ["team"]
    groups.delete(groups.find("team").id)
    assert userinfo(client, tokens)["groups"] == []


def test_discovery_names_the_scope_and_the_claim_once(provider: Provider) -> None:
    described = provider.get(METADATA).json
    assert described["scopes_supported"].count("groups") == described["claims_supported"].count("groups") == 1


def test_somebody_in_as_many_groups_as_can_be_has_them_all_in_both(provider: Provider) -> None:
    names = [f"group-with-a-name-of-usual-length-{index:03}" for index in range(MAX_GROUPS_OF_ACCOUNT)]
    fill(provider, "frida", *names)
    client = open_client(provider, "frida", claims_in_id_token=True)
    tokens = client.get_tokens(scope="openid groups")
    assert userinfo(client, tokens)["groups"] == names
    assert client.judge(tokens["id_token"])["groups"] == names


@pytest.mark.usefixtures("no_look_for_changes")
def test_they_cost_one_statement_and_only_with_the_scope(provider: Provider) -> None:
    client = open_client(provider)
    stranger = open_client(provider, is_first_party=False)

    def trips(site: OpenIDClient, scope: str) -> int:
        tokens = site.get_tokens(scope=scope)
        userinfo(site, tokens)
        with recorder.record() as recording:
            userinfo(site, tokens)
        return recording.trips

    without = trips(client, "openid profile")
    assert trips(client, SCOPE) == without + 1
    assert trips(stranger, SCOPE) == without


def test_switched_off_nobody_can_ask_for_them(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"groups": False}))
    described = provider.get(METADATA).json
    assert "groups" not in described["scopes_supported"]
    assert "groups" not in described["claims_supported"]


def test_an_embedding_application_has_no_groups_of_ours(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path}/host.sqlite", tmp_path) as create_host:
        registry = create_host(tells_claims=True).provider.server.registry
    assert "groups" not in registry.scopes
