"""APIs as they're stored: the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.support.commands import latest_event
from tests.support.recorded_statements import Recorder
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website import clock
from website.identifiers import new_identifier
from website.models.client import OAuth2Client
from website.models.resource import OAuth2ResourceClient
from website.resources import InvalidResourceError, Resource, Resources, ResourceScope

READ, WRITE = ResourceScope("photos.read", "See your photos", is_open=True), ResourceScope("photos.write", "Add photos")


def new_identifier_of_api() -> str:
    return f"https://{new_identifier().replace('_', 'a').replace('-', 'a').lower()}.example/photos"


@pytest.fixture
def resources(stored_provider: Provider) -> Resources:
    return stored_provider.server.resources


@pytest.fixture
def photos(resources: Resources) -> Resource:
    return resources.create(new_identifier_of_api(), "Photos \N{CAMERA WITH FLASH}", [WRITE, READ])


def test_an_api_comes_back_as_it_went(resources: Resources, photos: Resource) -> None:
    assert resources.find(photos.identifier) == photos
    assert resources.find_row(photos.id or "") == photos
    assert photos in resources.list_all()
    assert [*photos.scopes] == ["photos.write", "photos.read"]  # in the operator's order
    assert photos in resources.with_scope("photos.read")
    assert photos not in resources.with_scope("photos.delete")


def test_by_default_its_tokens_are_jwts_by_rs256(photos: Resource) -> None:
    assert (photos.access_token_format, photos.access_token_alg, photos.access_token_typ) == ("jwt", "RS256", "at+jwt")
    assert photos.access_token_seconds is None


def test_requests_match_in_other_spellings_and_get_the_registered_one(resources: Resources, photos: Resource) -> None:
    spelled = photos.identifier.replace("https://", "HTTPS://").replace(".example/", ".EXAMPLE:443/") + "/"
    assert resources.find(spelled) == photos
    assert resources.find(photos.identifier + "//") is None


def test_two_apis_that_match_the_same_requests_are_refused(resources: Resources, photos: Resource) -> None:
    for identifier in (photos.identifier, photos.identifier + "/", photos.identifier.replace(".example", ".EXAMPLE")):
        with pytest.raises(InvalidResourceError, match="already has this identifier"):
            resources.create(identifier, "Other")


def test_the_url_of_the_server_or_of_a_client_is_refused(stored_provider: Provider, resources: Resources) -> None:
    client, url = stored_provider.create_client(), new_identifier_of_api()
    with stored_provider.server.database.writing() as session:
        session.get_one(OAuth2Client, client.row).client_id = url
    with pytest.raises(InvalidResourceError, match="client_id"):
        resources.create(url, "Photos")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"identifier": "http://api.example"}, "identifier"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "Photos\u202e"}, "name"),
        ({"scopes": [ResourceScope("openid", "Know who you are")]}, "scopes"),
        ({"scopes": [ResourceScope("offline_access", "Stay")]}, "scopes"),
        ({"scopes": [ResourceScope("email", "See your email address")]}, "scopes"),
        ({"scopes": [ResourceScope("photos", "A scope of this server")]}, "scopes"),
        ({"scopes": [ResourceScope("two words", "No scope")]}, "scopes"),
        ({"scopes": [ResourceScope("x" * 101, "Too long")]}, "scopes"),
        ({"scopes": [ResourceScope("photos.read", " ")]}, "scopes"),
        ({"scopes": [ResourceScope("photos.read", "x" * 201)]}, "scopes"),
        ({"scopes": [ResourceScope(f"photos.{number}", "Too many") for number in range(101)]}, "scopes"),
        ({"access_token_format": "opaque"}, "access_token_format"),
        ({"access_token_alg": "PS256"}, "access_token_alg"),
        ({"access_token_alg": "none"}, "access_token_alg"),
        ({"access_token_typ": "jose"}, "access_token_typ"),
        ({"access_token_seconds": 601}, "access_token_seconds"),
        ({"access_token_seconds": 29}, "access_token_seconds"),
    ],
)
def test_invalid_fields_are_named_and_nothing_is_stored(
    resources: Resources, fields: dict[str, Any], field: str
) -> None:
    identifier = new_identifier_of_api()
    with pytest.raises(InvalidResourceError) as refusal:
        resources.create(**{"identifier": identifier, "name": "Photos", **fields})
    assert [*refusal.value.problems] == [field]
    assert resources.find(fields.get("identifier", identifier)) is None


def test_the_number_of_apis_is_limited(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("website.resources.resource_changes.MAX_RESOURCES", len(resources.list_all()) + 1)
    resources.create(new_identifier_of_api(), "The last one")
    with pytest.raises(InvalidResourceError, match="limit"):
        resources.create(new_identifier_of_api(), "One too many")


def test_a_change_replaces_what_it_names_and_nothing_else(
    stored_provider: Provider, resources: Resources, photos: Resource
) -> None:
    more = ResourceScope("photos.share", "Share your photos")
    changed = resources.update(photos.id or "", scopes=[READ, more], access_token_format="sealed", by=None)
    assert resources.find(photos.identifier) == changed
    assert [*changed.scopes.values()] == [READ, more]
    assert (changed.name, changed.access_token_alg, changed.created_at) == (photos.name, "RS256", photos.created_at)
    detail = latest_event(stored_provider, "resource_changed").detail
    assert detail["resource"] == photos.identifier
    assert {name: detail.get(name) for name in ("scope", "open_scope", "access_token_format", "access_token_alg")} == {
        "scope": "photos.read photos.share", "open_scope": "photos.read",
        "access_token_format": "sealed", "access_token_alg": None,
    }  # fmt: skip


def test_an_identifier_never_changes(resources: Resources, photos: Resource) -> None:
    with pytest.raises(TypeError):
        resources.update(photos.id or "", identifier="https://other.example")


def test_a_client_may_do_nothing_at_an_api_until_an_operator_says_so(
    stored_provider: Provider, resources: Resources, photos: Resource
) -> None:
    machine = stored_provider.create_client()
    client = stored_provider.server.clients.find(machine.client_id)
    assert resources.allowed_scope(client, photos) is None
    assert resources.introspected_by(client) == frozenset()

    resources.allow(client, photos, "photos.read photos.write")
    assert resources.allowed_scope(client, photos) == ("photos.read", "photos.write")
    assert resources.introspected_by(client) == frozenset()
    event = latest_event(stored_provider, "resource_client_changed")
    assert (event.client, event.detail["resource"], event.detail["scope"]) == (
        client.id, photos.identifier, "photos.read photos.write",
    )  # fmt: skip

    resources.set_may_introspect(client, photos, True)
    resources.disallow(client, photos)
    assert resources.allowed_scope(client, photos) is None
    assert resources.introspected_by(client) == {photos.identifier}
    assert resources.list_clients(photos) == [(client.client_id, client.client_name, None, True)]

    resources.set_may_introspect(client, photos, False)
    assert resources.introspected_by(client) == frozenset()
    assert resources.list_clients(photos) == []
    with stored_provider.server.database.reading() as session:
        assert session.get(OAuth2ResourceClient, (photos.id, client.id)) is None


def test_a_permission_is_for_one_api_one_client_and_scopes_that_exist(
    stored_provider: Provider, resources: Resources, photos: Resource
) -> None:
    other_api = resources.create(new_identifier_of_api(), "Videos", [READ])
    machines = [stored_provider.create_client() for _ in range(2)]
    client, other_client = (stored_provider.server.clients.find(machine.client_id) for machine in machines)
    with pytest.raises(InvalidResourceError, match=r"photos\.delete"):
        resources.allow(client, photos, "photos.read photos.delete")
    resources.allow(client, photos, "photos.read")
    assert resources.allowed_scope(client, other_api) is None
    assert resources.allowed_scope(other_client, photos) is None


def test_a_public_client_never_introspects(stored_provider: Provider, resources: Resources, photos: Resource) -> None:
    machine = stored_provider.create_client("authorization_code", token_endpoint_auth_method="none")
    client = stored_provider.server.clients.find(machine.client_id)
    with pytest.raises(InvalidResourceError, match="authenticate"):
        resources.set_may_introspect(client, photos, True)


def test_a_removed_scope_is_withdrawn_for_good(
    stored_provider: Provider, resources: Resources, photos: Resource
) -> None:
    client = stored_provider.server.clients.find(stored_provider.create_client().client_id)
    resources.allow(client, photos, "photos.read photos.write")
    resources.update(photos.id or "", scopes=[READ])
    resources.update(photos.id or "", scopes=[READ, WRITE])
    assert resources.allowed_scope(client, photos) == ("photos.read",)


def test_what_is_deleted_takes_its_permissions_along(
    stored_provider: Provider, resources: Resources, photos: Resource
) -> None:
    machines = [stored_provider.create_client() for _ in range(2)]
    client, other_client = (stored_provider.server.clients.find(machine.client_id) for machine in machines)
    for each in (client, other_client):
        resources.allow(each, photos, "photos.read")
        resources.set_may_introspect(each, photos, True)

    stored_provider.server.clients.delete(other_client.id)
    assert [found[0] for found in resources.list_clients(photos)] == [client.client_id]

    resources.delete(photos.id or "")
    assert resources.find(photos.identifier) is None
    assert photos not in resources.with_scope("photos.read")
    assert resources.introspected_by(client) == frozenset()
    assert latest_event(stored_provider, "resource_deleted").detail["resource"] == photos.identifier
    resources.delete(photos.id or "")  # by another operator at the same time

    again = resources.create(photos.identifier, "Photos", [READ])
    assert resources.allowed_scope(client, again) is None
    assert again.id != photos.id
    assert again.created_at >= photos.created_at


@pytest.mark.usefixtures("no_look_for_changes")
def test_a_request_reads_nothing_for_an_api(database_uri: str, tmp_path: Any) -> None:
    recorder = Recorder()
    with recorder.listening(), open_provider(tmp_path, database_uri, OAUTH2_SIGNING_ALGORITHMS=["ES256"]) as opened:
        resources = opened.server.resources
        photos = resources.create("https://api.example", "Photos", [READ])
        client = opened.server.clients.find(opened.create_client().client_id)

        def ask() -> None:
            """Ask what a token request with ``resource`` asks."""
            assert resources.find("https://API.example/") == photos
            assert resources.allowed_scope(client, photos) is None
            assert resources.introspected_by(client) == frozenset()
            assert resources.find("https://unknown.example") is None

        ask()
        opened.server.cache_invalidation.check_now()
        with recorder.record() as recording:
            ask()
        assert str(recording) == ""


def test_in_the_demo_every_url_on_this_computer_is_an_api(provider: Provider) -> None:
    resources = provider.server.resources
    for identifier in ("http://127.0.0.1:8000/mcp", "http://localhost:3000/", "http://[::1]", "HTTPS://LOCALHOST:8443"):
        found = resources.find(identifier)
        assert found is not None
        assert (found.identifier, found.id) == (identifier, None)  # as it was sent
        assert (found.access_token_format, found.access_token_alg) == ("jwt", "RS256")
        assert [*found.scopes] == [*provider.server.registry.scopes]
        assert all(scope.is_open for scope in found.scopes.values())
    for identifier in (
        "http://127.0.0.1:8000/#",
        "http://alice@localhost",
        "http://api.example",
        "https://api.example",
    ):
        assert resources.find(identifier) is None


def test_a_registered_url_on_this_computer_counts_as_registered(provider: Provider) -> None:
    registered = provider.server.resources.create("http://127.0.0.1:8123/mcp", "Notes", [READ])
    assert provider.server.resources.find("http://127.0.0.1:8123/mcp/") == registered


def test_in_production_only_registered_https_urls_are_apis(
    secure_transport_required: None, create_application: Callable[..., Flask]
) -> None:
    resources = Provider(create_application(**PRODUCTION)).server.resources
    assert resources.find("http://127.0.0.1:8000/mcp") is None
    for identifier in ("http://127.0.0.1:8000/mcp", "https://id.example", "https://ID.example:443/"):
        with pytest.raises(InvalidResourceError):
            resources.create(identifier, "Notes")
    assert resources.create("https://id.example/mcp", "Notes").access_token_alg == "ES256"  # the only key of this test


def test_an_api_that_has_become_the_issuer_counts_no_longer(
    secure_transport_required: None, create_application: Callable[..., Flask]
) -> None:
    first = Provider(create_application(**PRODUCTION)).server
    first.resources.create("https://sso.example", "Notes")
    moved = Provider(create_application(initdb=False, **{**PRODUCTION, "OAUTH2_ISSUER": "https://sso.example"})).server
    assert first.resources.find("https://sso.example") is not None
    assert moved.resources.find("https://sso.example") is None


def test_the_clock_says_since_when_an_api_counts(photos: Resource) -> None:
    assert abs(photos.created_at - clock.now()) < 60
