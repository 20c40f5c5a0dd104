"""What one node changes about APIs, another one knows within a second or so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.token_requests import Provider, open_provider
from tests.support.waiting import wait_until
from website.resources import Resources, ResourceScope

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
    seen: dict[str, Callable[[Resources], Any]] = {
        "api": lambda resources: resources.find(API),
        "scope": lambda resources: resources.with_scope("photos.write"),
        "allowed": lambda resources: photos and resources.allowed_scope(client, photos),
        "introspected": lambda resources: resources.introspected_by(client),
    }

    def follows(name: str) -> None:
        wait_until(lambda: seen[name](elsewhere) == seen[name](here))

    photos = None
    assert elsewhere.find(API) is None  # in memory from here on
    photos = here.create(API, "Photos", [READ])
    follows("api")
    assert (seen["scope"](elsewhere), seen["allowed"](elsewhere), seen["introspected"](elsewhere)) == ([], None, set())
    here.update(photos.id or "", scopes=[READ, WRITE])
    follows("scope")
    here.allow(client, photos, "photos.read")
    follows("allowed")
    here.set_may_introspect(client, photos, True)
    follows("introspected")
    here.disallow(client, photos)
    follows("allowed")
    here.delete(photos.id or "")
    follows("api")
    follows("introspected")


def test_an_api_registered_on_two_nodes_at_once_is_registered_once(nodes: list[Provider]) -> None:
    # Neither node has read the other's: only the database can tell.
    nodes[1].server.resources.create(API, "Photos", [READ])
    with pytest.raises(ValueError, match="already has this identifier"):
        nodes[0].server.resources.create(API + "/", "Photos", [READ])
