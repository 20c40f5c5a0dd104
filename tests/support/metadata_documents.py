"""A client with a metadata document: the document, and the requests of the client and of a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.internet import Internet, open_internet
from tests.support.person import Answer, Person, Pkce, code_of
from website.models.client_document import ClientDocument
from website.models.event import Event

URL = "https://app.example/oauth/client.json"
CALLBACK = "https://app.example/callback"
DOCUMENT: dict[str, Any] = {
    "client_id": URL,
    "client_name": "Some App",
    "client_uri": "https://app.example",
    "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


@pytest.fixture
def internet(tmp_path: Path) -> Iterator[Internet]:
    """Hosts of which one publishes the document."""
    with open_internet(tmp_path, "app.example", "other.example") as internet:
        internet.publish(DOCUMENT)
        yield internet


@pytest.fixture
def application(create_application: Callable[..., Flask], internet: Internet) -> Flask:
    """The demo, which trusts the certificates of these hosts."""
    return create_application(OAUTH2_OUTBOUND_CA=str(internet.certificate))


@pytest.fixture
def person(application: Flask) -> Person:
    """Somebody who is logged in."""
    person = Person(application.test_client())
    person.log_in()
    return person


def ask(person: Person, url: str = URL, pkce: Pkce | None = None, **parameters: str | None) -> Answer:
    given = {"redirect_uri": CALLBACK, "scope": "profile", **(pkce or Pkce()).parameters, **parameters}
    return person.ask(url, **given)


def get_tokens(application: Flask, person: Person, url: str = URL, **parameters: str | None) -> dict[str, Any]:
    pkce = Pkce()
    page = ask(person, url, pkce, **parameters)
    code = code_of(person.decide(page) if page.status == 200 else page)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": url}
    answer = application.test_client().post("/oauth/token", data={**fields, "code_verifier": pkce.verifier})
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def refresh(application: Flask, tokens: dict[str, Any], url: str = URL) -> Any:
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": url}
    return application.test_client().post("/oauth/token", data=fields)


def events(application: Flask, name: str) -> list[dict[str, Any]]:
    with application.extensions["grantwright"].database.reading() as session:
        return [dict(event.detail or {}) for event in session.scalars(select(Event).where(Event.event == name))]


def is_refused(answer: Answer) -> bool:
    return answer.status in (400, 429, 503) and not answer.location


def expire(application: Flask) -> None:
    """Let the stored documents be no longer fresh."""
    server = application.extensions["grantwright"]
    with server.database.writing() as session:
        for document in session.scalars(select(ClientDocument)):
            document.fresh_until = document.fetched_at - 1
    server.clients.documents._states.forget(None)
