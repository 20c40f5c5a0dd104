"""One metadata document that two nodes see for the first time at the same moment, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.support.internet import Internet, open_internet
from tests.support.metadata_documents import DOCUMENT, URL, ask, expire, get_tokens, refresh
from tests.support.person import Person
from website.models.client import OAuth2Client

Create = Callable[..., Flask]


@pytest.fixture
def internet(tmp_path: Path) -> Iterator[Internet]:
    with open_internet(tmp_path, "app.example") as internet:
        internet.publish(DOCUMENT, wait_seconds=0.2)
        yield internet


@pytest.fixture(params=["sqlite", "postgresql"])
def nodes(
    request: pytest.FixtureRequest, create_application: Create, internet: Internet, sqlite_uri: str
) -> tuple[Flask, Flask]:
    uri = sqlite_uri if request.param == "sqlite" else request.getfixturevalue("create_database")()
    settings = {"OAUTH2_OUTBOUND_CA": str(internet.certificate), "SQLALCHEMY_DATABASE_URI": uri}
    return create_application(**settings), create_application(initdb=False, **settings)


def visitor(node: Flask) -> Person:
    person = Person(node.test_client())
    person.log_in()
    return person


def test_it_becomes_one_client_and_the_other_node_knows_it(nodes: tuple[Flask, Flask], internet: Internet) -> None:
    people = [visitor(node) for node in nodes]
    with ThreadPoolExecutor(2) as threads:
        statuses = [page.status for page in threads.map(ask, people)]
    assert statuses == [200, 200]
    with nodes[0].extensions["grantwright"].database.reading() as session:
        assert session.scalar(select(func.count()).select_from(OAuth2Client)) == 1
    assert [ask(person).status for person in people] == [200, 200]
    assert internet.requested == [URL, URL]


def test_what_one_node_fetched_or_ended_counts_on_the_other(nodes: tuple[Flask, Flask], internet: Internet) -> None:
    here, there = nodes
    tokens = get_tokens(here, visitor(here))
    assert refresh(there, tokens).status_code == 200
    assert internet.requested == [URL], "the other node reads that it is fresh"
    del internet.pages[URL]
    expire(here)
    assert refresh(here, tokens).status_code == 401
    there.extensions["grantwright"].cache_invalidation.forget()
    assert refresh(there, tokens).status_code == 401
