"""Owns the providers that the tests of the protocol share: each test brings clients of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.token_requests import Provider, open_provider


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The demo on SQLite, seen from the machines' door; shared by the tests of a worker."""
    folder = tmp_path_factory.mktemp("provider")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", OAUTH2_REGISTRATION="token") as opened:
        yield opened


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def stored_provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The demo, once on SQLite and once on PostgreSQL; shared by the tests of a worker."""
    if request.param == "sqlite":
        yield request.getfixturevalue("provider")
        return
    cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    with open_provider(tmp_path_factory.mktemp("stored"), cluster.url(name), OAUTH2_REGISTRATION="token") as opened:
        yield opened
    cluster.drop_database(name)
