"""Where a token for an API works: at that API, and at the UserInfo endpoint; everybody else hears nothing of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.resource_client import ResourceClient, claims_of, create_api
from tests.support.token_requests import MachineClient, Provider
from website.resources import Resource

INACTIVE = {"active": False}
FORMATS = ("sealed", "jwt")


@pytest.fixture
def site(stored_provider: Provider) -> ResourceClient:
    return ResourceClient.create(stored_provider)


def introspector_of(provider: Provider, *apis: Resource, **policy: Any) -> MachineClient:
    """Create a client that may introspect the tokens of these APIs."""
    client = provider.create_client(policy=policy)
    for api in apis:
        provider.server.resources.set_may_introspect(provider.server.clients.find(client.client_id), api, True)
    return client


@pytest.mark.parametrize("token_format", FORMATS)
def test_another_api_hears_only_that_the_token_is_not_active(site: ResourceClient, token_format: str) -> None:
    provider = site.provider
    first, second = (create_api(provider, "read", access_token_format=token_format) for _ in range(2))
    token = site.get_tokens("openid read", first.identifier)["access_token"]
    said = provider.introspect(introspector_of(provider, first), token)
    assert (said["aud"], said["scope"], said["client_id"]) == ([first.identifier], "openid read", site.client.client_id)
    assert provider.introspect(introspector_of(provider, second), token) == INACTIVE
    assert provider.introspect(introspector_of(provider, may_introspect=True), token) == INACTIVE
    assert provider.introspect(provider.create_client(), token) == INACTIVE


@pytest.mark.parametrize("token_format", FORMATS)
def test_an_api_sees_nothing_of_the_other_apis_of_a_token(site: ResourceClient, token_format: str) -> None:
    provider = site.provider
    first = create_api(provider, "read write", access_token_format=token_format)
    second = create_api(provider, "read list", access_token_format=token_format)
    token = site.get_tokens("openid read write list", first.identifier, second.identifier)["access_token"]
    said = provider.introspect(introspector_of(provider, first), token)
    assert (said["aud"], said["scope"]) == ([first.identifier], "openid read write")
    said = provider.introspect(introspector_of(provider, second), token)
    assert (said["aud"], said["scope"]) == ([second.identifier], "openid read list")
    said = provider.introspect(introspector_of(provider, first, second), token)
    assert set(said["aud"]) == {first.identifier, second.identifier}
    assert set(said["scope"].split()) == {"openid", "read", "write", "list"}


def test_a_client_that_may_introspect_sees_tokens_without_a_registered_api_alone(site: ResourceClient) -> None:
    provider = site.provider
    general, api = introspector_of(provider, may_introspect=True), create_api(provider, "read")
    both = introspector_of(provider, api, may_introspect=True)
    of_api = introspector_of(provider, api)
    for_server = site.get_tokens("openid photos")["access_token"]
    unregistered = site.get_tokens("openid photos", "http://127.0.0.1:8000/mcp")["access_token"]
    machines = site.post_token("client_credentials", "http://127.0.0.1:8000/mcp").json["access_token"]
    for_api = site.get_tokens("openid read", api.identifier)["access_token"]
    for token in (for_server, unregistered, machines):
        assert provider.is_active(general, token)
        assert provider.is_active(both, token)
        assert not provider.is_active(of_api, token)
    assert not provider.is_active(general, for_api)
    assert provider.is_active(both, for_api)
    assert provider.introspect(general, unregistered)["aud"] == ["http://127.0.0.1:8000/mcp"]


def test_only_userinfo_takes_a_token_for_an_api(site: ResourceClient) -> None:
    provider, api = site.provider, create_api(site.provider, "read")
    for resource in (api.identifier, "http://127.0.0.1:8000/mcp"):
        scope = "openid profile read" if resource == api.identifier else "openid profile"
        bearer = f"Bearer {site.get_tokens(scope, resource)['access_token']}"
        said = provider.get("/oauth/userinfo", Authorization=bearer)
        assert (said.status, said.json["preferred_username"]) == (200, "alice")
        refused = provider.get("/api/me", Authorization=bearer)
        assert (refused.status, refused.error) == (401, "invalid_token")
        bearer = f"Bearer {site.get_tokens('profile', resource)['access_token']}"
        assert provider.get("/oauth/userinfo", Authorization=bearer).error == "insufficient_scope"
    machine = site.post_token("client_credentials", "http://127.0.0.1:8000/mcp").json["access_token"]
    assert provider.get("/api/me", Authorization=f"Bearer {machine}").error == "invalid_token"
    assert provider.get("/oauth/userinfo", Authorization=f"Bearer {machine}").status in (401, 403)


def test_userinfo_tells_what_the_person_allowed_and_nothing_for_an_apis_scope_of_the_same_name(
    site: ResourceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scope that becomes one about the user later, as with a claim of one's own."""
    provider = site.provider
    api = create_api(provider, "teams")
    token = site.get_tokens("openid teams", api.identifier)["access_token"]
    monkeypatch.setitem(provider.server.accounts.claims._scopes, "member_of", "teams")
    monkeypatch.setitem(provider.server.accounts.claims._functions, "member_of", lambda _account: ["staff"])
    said = provider.get("/oauth/userinfo", Authorization=f"Bearer {token}").json
    assert "member_of" not in said


def test_a_revoked_token_and_an_ended_grant_are_inactive(site: ResourceClient) -> None:
    provider, api = site.provider, create_api(site.provider, "read")
    caller = introspector_of(provider, api)
    given = site.get_tokens("read", api.identifier)
    assert provider.is_active(caller, given["access_token"])
    provider.revoke(site.client, given["access_token"])
    assert not provider.is_active(caller, given["access_token"])
    given = site.refresh(given["refresh_token"]).json
    assert provider.is_active(caller, given["access_token"])
    provider.revoke(site.client, given["refresh_token"])
    assert not provider.is_active(caller, given["access_token"])


def test_a_refresh_token_shows_the_scopes_at_its_apis_to_its_own_client(site: ResourceClient) -> None:
    api = create_api(site.provider, "read write")
    refresh_token = site.get_tokens("openid read", api.identifier)["refresh_token"]
    assert site.provider.introspect(site.client, refresh_token)["scope"] == "openid read"
    assert site.provider.introspect(introspector_of(site.provider, api), refresh_token) == INACTIVE


def test_the_subject_of_a_pairwise_client_is_as_in_its_other_tokens(site: ResourceClient) -> None:
    """Introspection tells the client's own identifier of the user, and JWTs ours, with an API as without one."""
    provider, api = site.provider, create_api(site.provider, "read")
    pairwise = ResourceClient.create(provider, subject_type="pairwise")
    without, with_api = pairwise.get_tokens("openid"), pairwise.get_tokens("openid read", api.identifier)
    subjects = [provider.introspect(pairwise.client, given["access_token"])["sub"] for given in (without, with_api)]
    assert subjects[0] == subjects[1]
    assert claims_of(with_api["id_token"])["sub"] == subjects[0]
