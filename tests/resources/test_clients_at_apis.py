"""Client identifiers that match the identifier of an API: neither may take the other's place, in any spelling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from tests.support.internet import Internet, Page
from tests.support.metadata_documents import (
    CALLBACK,
    DOCUMENT,
    application,
    ask,
    events,
    get_tokens,
    internet,
    is_refused,
    person,
    refresh,
)
from tests.support.person import Person, Pkce
from tests.support.token_requests import PRODUCTION, Provider
from website.database.cache_invalidation import RESOURCES, record_change
from website.models.resource import OAuth2Resource
from website.resources import InvalidResourceError, ResourceScope
from website.resources.resource_identifiers import matching_key

__all__ = ["application", "internet", "person"]

Create = Callable[..., Flask]
API = "https://app.example/api"
SPELLINGS = [
    API, f"{API}/", "https://APP.example/api", "https://app.example:443/api", "https://App.Example:443/api/",
    "https://app.example:0443/api",
]  # fmt: skip


@pytest.fixture(autouse=True)
def documents(internet: Internet) -> None:
    """Documents at the API, below and above it."""
    for url in (API, "https://app.example/api/client.json", "https://app.example/"):
        internet.publish({**DOCUMENT, "client_id": url})


def create_api(application: Flask, identifier: str = API) -> None:
    scope = ResourceScope("notes.read", "Read your notes", is_open=True)
    application.extensions["grantwright"].resources.create(identifier, "Notes", [scope])


@pytest.mark.parametrize("url", SPELLINGS)
def test_a_document_at_an_api_is_not_a_client_in_any_spelling(
    application: Flask, person: Person, internet: Internet, url: str
) -> None:
    create_api(application)
    assert is_refused(ask(person, url))
    assert internet.requested == []
    assert ask(person, "https://app.example/api/client.json").status == 200


@pytest.mark.parametrize("url", SPELLINGS)
def test_an_api_at_the_client_id_of_a_document_is_refused_in_any_spelling(
    application: Flask, person: Person, internet: Internet, url: str
) -> None:
    for fetched in (url, url.lower(), url.replace(":0443", ":443")):
        internet.pages[fetched] = Page({**DOCUMENT, "client_id": url})
    assert ask(person, url).status == 200
    for identifier in SPELLINGS:
        with pytest.raises(InvalidResourceError, match="client_id"):
            create_api(application, identifier)
    create_api(application, "https://app.example/api/v2")


def test_a_client_that_came_at_the_same_moment_as_an_api_is_not_used(
    application: Flask, person: Person, internet: Internet
) -> None:
    tokens = get_tokens(application, person, API)
    server = application.extensions["grantwright"]
    with server.database.writing() as session:
        columns = {"access_token_format": "jwt", "access_token_alg": "RS256", "access_token_typ": "at+jwt"}
        key = matching_key(API)
        session.add(
            OAuth2Resource(
                id="x", identifier=API, matching_key=key, name="Notes", is_open=True, created_at=0, **columns
            )
        )
        record_change(session, RESOURCES)
    server.cache_invalidation.forget_recorded(session)
    assert refresh(application, tokens, API).status_code == 401
    assert is_refused(ask(person, API))
    assert internet.requested == [API]
    assert events(application, "client_document_withdrawn") == []


def test_a_document_at_the_issuer_is_not_a_client(
    create_application: Create, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTHLIB_INSECURE_TRANSPORT")
    settings: dict[str, Any] = {**PRODUCTION, "OAUTH2_OUTBOUND_CA": str(internet.certificate)}
    settings |= {"OAUTH2_ISSUER": "https://app.example", "OAUTH2_METADATA_DOCUMENT_HOSTS": ["*"]}
    provider = Provider(create_application(**settings))
    parameters = {"response_type": "code", "redirect_uri": CALLBACK, "scope": "profile", **Pkce().parameters}
    for url, status in (("https://app.example/", 400), ("https://app.example/api", 302)):
        assert provider.get(f"/oauth/authorize?{urlencode({**parameters, 'client_id': url})}").status == status
    assert internet.requested == ["https://app.example/api"]
