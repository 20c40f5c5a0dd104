"""A metadata document that changes, fails, or goes away: what its client keeps, and what ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

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
    is_refused,
    person,
    refresh,
)
from tests.support.person import Person
from website.models.client_document import ClientDocument

__all__ = ["application", "internet", "person"]

Create = Callable[..., Flask]


def test_a_changed_redirect_uri_is_not_followed_by_a_decision_made_before(
    application: Flask, person: Person, internet: Internet
) -> None:
    page = ask(person)
    internet.publish({**DOCUMENT, "redirect_uris": ["https://evil.example/cb"]})
    expire(application)
    assert is_refused(person.decide(page))


@pytest.mark.parametrize(
    "change",
    [
        {"client_name": "Another App"},
        {"redirect_uris": [CALLBACK, "https://evil.example/cb"]},
        {"client_uri": "https://evil.example"},
    ],
)
def test_a_changed_document_has_the_person_asked_again(
    application: Flask, person: Person, internet: Internet, change: dict[str, Any]
) -> None:
    get_tokens(application, person)
    assert ask(person).status in (302, 303)
    internet.publish({**DOCUMENT, **change})
    expire(application)
    page = ask(person)
    assert page.status == 200
    assert "You already allowed" not in page.text
    assert events(application, "client_changed")[-1]["fields"] == sorted(change)


def test_changed_keys_have_the_person_asked_again(application: Flask, person: Person, internet: Internet) -> None:
    keyed = {**DOCUMENT, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example/jwks.json"}
    internet.publish(keyed)
    person.decide(ask(person))
    assert ask(person).status in (302, 303)
    internet.publish({**keyed, "jwks_uri": "https://evil.example/jwks.json"})
    expire(application)
    assert ask(person).status == 200


def test_another_authentication_method_ends_what_was_granted(
    application: Flask, person: Person, internet: Internet
) -> None:
    tokens = get_tokens(application, person)
    internet.publish({**DOCUMENT, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example/k"})
    expire(application)
    assert refresh(application, tokens).status_code == 401
    internet.publish(DOCUMENT)
    expire(application)
    assert refresh(application, tokens).get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("status", [403, 429, 500, 503, 302, 401])
def test_the_last_good_copy_serves_for_a_day_while_the_document_cannot_be_fetched(
    application: Flask, person: Person, internet: Internet, status: int
) -> None:
    tokens = get_tokens(application, person)
    internet.pages[URL] = Page("", status)
    expire(application)
    answer = refresh(application, tokens)
    assert answer.status_code == 200
    assert internet.requested == [URL, URL]
    with application.extensions["grantwright"].database.writing() as session:
        document = session.scalars(select(ClientDocument)).one()
        document.fresh_until -= 86400
    application.extensions["grantwright"].clients.documents._states.forget(None)
    late = refresh(application, answer.get_json())
    assert (late.status_code, late.get_json()["error"]) == (503, "temporarily_unavailable")
    assert ask(person).status == 503
    internet.publish(DOCUMENT)
    application.extensions["grantwright"].clients.documents._failures.forget(None)
    assert refresh(application, answer.get_json()).status_code == 200


@pytest.mark.parametrize(
    "page",
    [
        Page("", 404),
        Page("", 410),
        Page("no json"),
        Page(DOCUMENT, headers={"Content-Type": "text/html"}),
        Page({**DOCUMENT, "client_id": "https://other.example/client.json"}),
        Page({**DOCUMENT, "redirect_uris": []}),
    ],
)
def test_a_document_that_is_gone_or_invalid_ends_everything_at_once(
    application: Flask, person: Person, internet: Internet, page: Page
) -> None:
    tokens = get_tokens(application, person)
    internet.pages[URL] = page
    expire(application)
    assert refresh(application, tokens).status_code == 401
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert application.test_client().get("/api/me", headers=headers).status_code == 401
    assert len(events(application, "client_document_withdrawn")) == 1
    assert is_refused(ask(person))
    internet.publish(DOCUMENT)
    application.extensions["grantwright"].clients.documents._failures.forget(None)
    assert ask(person).status == 200, "the person is asked again once the document is back"
    assert refresh(application, tokens).get_json()["error"] == "invalid_grant"


def test_a_document_that_failed_is_left_alone_for_seconds_and_then_fetched_again(
    application: Flask, person: Person, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    internet.pages[URL] = Page("no json")
    for _try in range(3):
        assert is_refused(ask(person))
    assert internet.requested == [URL]
    internet.publish(DOCUMENT)
    monkeypatch.setattr("website.clients.document_fetching.FAILURE_SECONDS", 0.0)
    application.extensions["grantwright"].clients.documents._failures.forget(None)
    assert ask(person).status == 200


def test_a_change_of_our_settings_refuses_a_client_but_ends_nothing(
    create_application: Create, application: Flask, person: Person, internet: Internet
) -> None:
    """Another node may already have new settings, or an operator made a mistake: the document says what it said."""
    internet.publish({**DOCUMENT, "id_token_signed_response_alg": "ES256"})
    tokens = get_tokens(application, person)
    settings = {"OAUTH2_SIGNING_ALGORITHMS": ["EdDSA"], "OAUTH2_OUTBOUND_CA": str(internet.certificate)}
    other = create_application(initdb=False, **settings)
    expire(application)
    for _try in range(2):  # the second one meets what is remembered of the first
        assert refresh(other, tokens).status_code == 401
    assert events(application, "client_document_withdrawn") == []
    application.extensions["grantwright"].clients.documents._failures.forget(None)
    assert refresh(application, tokens).status_code == 200
