"""What one node changes about APIs, another one knows within a second or so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.token_requests import Provider, open_provider
from tests.support.waiting import wait_until
from website.resources import InvalidResourceError, Resources, ResourceScope

SETTINGS: dict[str, Any] = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": []}
API = "https://api.example"
READ, WRITE = ResourceScope("photos.read", "See your photos"), ResourceScope("photos.write", "Add photos")


@pytest.fixture
def nodes(database_uri: str, tmp_path: Path) -> Iterator[list[Provider]]:
    with (
        open_provider(tmp_path, database_uri, **SETTINGS) as here,
        open_provider(tmp_path, database_uri, **SETTINGS) as elsewhere,
    ):
        yield [here, elsewhere]


def test_another_node_follows_every_change(nodes: list[Provider]) -> None:
    here, elsewhere = (node.server.resources for node in nodes)
    client = nodes[0].server.clients.find(nodes[0].create_client().client_id)

    def seen(resources: Resources) -> tuple[Any, ...]:
        found = resources.find(API)
        allowed = None if found is None else resources.allowed_scope(client, found)
        return found, resources.with_scope("photos.write"), allowed, resources.introspected_by(client)

    assert seen(elsewhere) == (None, [], None, frozenset())  # in memory from here on
    photos = here.create(API, "Photos", [READ])
    here.permit(client, photos, "photos.read", may_introspect=True)
    expected = photos, [], ("photos.read",), {API}
    assert seen(here) == expected
    wait_until(lambda: seen(elsewhere) == expected)

    changed = here.update(photos.id or "", scopes=[READ, WRITE])
    here.disallow(client, photos)
    wait_until(lambda: seen(elsewhere) == (changed, [changed], None, {API}))

    here.delete(photos.id or "")
    wait_until(lambda: seen(elsewhere) == (None, [], None, frozenset()))


def test_an_api_registered_on_two_nodes_at_once_is_registered_once(nodes: list[Provider]) -> None:
    # Neither node has read the other's: only the database can tell.
    nodes[1].server.resources.create(API, "Photos", [READ])
    with pytest.raises(ValueError, match="already has this identifier"):
        nodes[0].server.resources.create(API + "/", "Photos", [READ])


def test_what_another_node_has_just_deleted_is_not_changed(nodes: list[Provider]) -> None:
    here, elsewhere = (node.server.resources for node in nodes)
    photos = here.create(API, "Photos", [READ])
    client, other_client = (nodes[0].server.clients.find(nodes[0].create_client().client_id) for _ in range(2))
    nodes[1].server.clients.delete(other_client.id)
    with pytest.raises(InvalidResourceError, match="no client"):
        here.allow(other_client, photos, "photos.read")
    elsewhere.delete(photos.id or "")
    for change in (
        lambda: here.update(photos.id or "", name="Pictures"),
        lambda: here.allow(client, photos, "photos.read"),
    ):
        with pytest.raises(InvalidResourceError, match="has been deleted"):
            change()
    here.delete(photos.id or "")
