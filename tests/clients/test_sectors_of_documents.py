"""Metadata documents with a sector_identifier_uri: when the list there is read, and what its failures end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.internet import Internet, Page
from tests.support.metadata_documents import (
    CALLBACK,
    DOCUMENT,
    URL,
    application,
    ask,
    events,
    expire,
    get_tokens,
    internet,
    person,
    refresh,
)
from tests.support.person import Person
from website import outbound, outbound_slots

__all__ = ["application", "internet", "person"]

Create = Callable[..., Flask]
SECTOR, SECTOR_ELSEWHERE = "https://app.example/sector.json", "https://other.example/sector.json"
SECOND_CALLBACK = "https://app.example/second"
PAIRWISE = {**DOCUMENT, "subject_type": "pairwise", "sector_identifier_uri": SECTOR}
GROWN = {**PAIRWISE, "redirect_uris": [CALLBACK, SECOND_CALLBACK]}


@pytest.fixture(autouse=True)
def sector(internet: Internet) -> None:
    """The document of a client with a sector, and the list of that sector's redirect URIs."""
    internet.publish(PAIRWISE)
    internet.pages[SECTOR] = internet.pages[SECTOR_ELSEWHERE] = Page([CALLBACK, SECOND_CALLBACK])


def test_the_list_is_not_read_again_for_redirect_uris_that_were_in_it(
    application: Flask, person: Person, internet: Internet
) -> None:
    tokens = get_tokens(application, person)
    del internet.pages[SECTOR]
    expire(application)
    answer = refresh(application, tokens)
    assert answer.status_code == 200
    assert internet.requested == [URL, SECTOR, URL]
    internet.publish(GROWN)
    expire(application)
    assert refresh(application, answer.get_json()).status_code == 401, "another redirect URI needs the list"


@pytest.mark.parametrize("status", [302, 401, 403, 429, 500, 503])
def test_a_list_that_cannot_be_read_ends_nothing_and_changes_nothing(
    application: Flask, person: Person, internet: Internet, status: int
) -> None:
    tokens = get_tokens(application, person)
    internet.publish(GROWN)
    internet.pages[SECTOR] = Page("", status)
    expire(application)
    tokens = refresh(application, tokens).get_json()
    assert ask(person).status in (302, 303), "the last good copy serves"
    assert ask(person, redirect_uri=SECOND_CALLBACK).status == 400
    assert internet.requested == [URL, SECTOR, URL, SECTOR], "what failed is left alone for seconds"
    internet.pages[SECTOR] = Page([CALLBACK, SECOND_CALLBACK])
    server = application.extensions["grantwright"]
    server.clients.documents._failures.forget(None)
    server.outbound._failures.clear()
    assert refresh(application, tokens).status_code == 200
    assert ask(person, redirect_uri=SECOND_CALLBACK).status in (302, 303)
    assert events(application, "client_document_withdrawn") == []


def test_a_slow_document_ends_nothing_although_its_host_is_not_asked_for_the_list(
    application: Flask, person: Person, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = get_tokens(application, person)
    monkeypatch.setattr(outbound_slots, "SLOW_SECONDS", 0.01)
    internet.publish(GROWN, wait_seconds=0.1)
    expire(application)
    assert refresh(application, tokens).status_code == 200
    assert internet.requested == [URL, SECTOR, URL]
    assert events(application, "client_document_withdrawn") == []


@pytest.mark.parametrize("page", [Page("", 404), Page("", 410), Page("no JSON"), Page([CALLBACK])])
def test_a_list_that_is_gone_or_lacks_a_redirect_uri_ends_everything_once(
    application: Flask, person: Person, internet: Internet, page: Page
) -> None:
    tokens = get_tokens(application, person)
    internet.publish(GROWN)
    internet.pages[SECTOR] = page
    expire(application)
    assert [refresh(application, tokens).status_code for _try in range(3)] == [401] * 3
    assert len(events(application, "client_document_withdrawn")) == 1


def test_a_request_waits_for_all_that_it_fetches_only_as_long_as_for_one(
    person: Person, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 3.0)
    internet.publish({**PAIRWISE, "sector_identifier_uri": SECTOR_ELSEWHERE}, wait_seconds=2.0)
    internet.pages[SECTOR_ELSEWHERE] = Page([CALLBACK], wait_seconds=2.0)
    assert ask(person).status == 503
    assert internet.requested == [URL, SECTOR_ELSEWHERE]
