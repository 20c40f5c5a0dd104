"""A database from before there were APIs: what was granted goes on as it was, and names no API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect

from tests.support.commands import run
from tests.support.resource_client import ResourceClient, create_api
from tests.support.token_requests import Provider, open_provider

FORMER_REVISION = "0018"


@pytest.fixture(params=["sealed", "jwt"])
def site(request: pytest.FixtureRequest, database_uri: str, tmp_path: Path) -> Iterator[ResourceClient]:
    keys = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}
    with open_provider(tmp_path, database_uri, **keys) as provider:
        yield ResourceClient.create(provider, policy={"access_token_format": request.param})


def update_from_before(provider: Provider) -> None:
    """Take away what the tables have for APIs, and update them as an operator does."""
    engine = provider.server.database.engine
    run(provider, "db", "downgrade", FORMER_REVISION)
    assert not {"oauth2_resource", "oauth2_resource_scope", "oauth2_resource_client"} & {
        *inspect(engine).get_table_names()
    }
    assert "resources" not in {column["name"] for column in inspect(engine).get_columns("oauth2_grant")}
    run(provider, "initdb")
    provider.server.cache_invalidation.forget()


def test_what_was_granted_before_is_for_this_server_alone(site: ResourceClient) -> None:
    provider = site.provider
    introspecting = provider.create_client(policy={"may_introspect": True})
    before = site.get_tokens("openid photos")
    own = site.post_token("client_credentials").json
    update_from_before(provider)

    for token in (before["access_token"], own["access_token"]):
        found = provider.introspect(introspecting, token)
        assert (found["active"], found["aud"]) == (True, ["http://127.0.0.1:5000"])
    assert site.allow("openid photos").query.keys() >= {"code"}  # the yes of before is remembered, or given again
    api = create_api(provider, "read")
    assert site.refresh(before["refresh_token"], api.identifier).error == "invalid_target"
    after = site.refresh(before["refresh_token"]).json
    assert after["scope"] == before["scope"]
    assert after["access_token"].startswith("ey") == before["access_token"].startswith("ey")
    assert provider.introspect(introspecting, after["access_token"])["active"]
    # From now on the client may name the API; its own format no longer counts then.
    granted = site.get_tokens("read", api.identifier)
    assert site.describe(granted["access_token"]) == ([api.identifier], {"read"})
    assert provider.introspect(introspecting, granted["access_token"]) == {"active": False}
