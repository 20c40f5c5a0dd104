"""Registrations in the shape that well-known clients send: each gets a client whose every redirect URI works."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.support.person import Answer, Pkce
from tests.support.registering_client import REGISTER, bearer, new_token
from tests.support.token_requests import PRODUCTION, Provider, open_provider

FOLDER = Path(__file__).parent.parent / "registrations"
ISSUER, PASSWORD = PRODUCTION["OAUTH2_ISSUER"], "correct horse battery staple"
CODE = "authorization_code"


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Provider, FlaskClient]]:
    """A provider in production mode, and the browser of somebody who is logged in there."""
    folder = tmp_path_factory.mktemp("known")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **PRODUCTION) as provider:
        provider.server.users.create("alice", PASSWORD)
        browser = provider.application.test_client()
        fields = {**page_of(browser.get(f"{ISSUER}/")).hidden_fields(), "username": "alice", "password": PASSWORD}
        assert browser.post(f"{ISSUER}/", data=fields, headers={"Origin": ISSUER}).status_code == 303
        yield provider, browser


def page_of(response: Any) -> Answer:
    return Answer(response.status_code, response.headers, response.get_data(as_text=True))


def complete_flow(provider: Provider, browser: FlaskClient, said: dict[str, Any], uri: str) -> dict[str, Any]:
    """Go through the code flow by one redirect URI; return the tokens."""
    pkce = Pkce()
    query = {"response_type": "code", "client_id": said["client_id"], "redirect_uri": uri, **pkce.parameters}
    page = page_of(browser.get(f"{ISSUER}/oauth/authorize?{urlencode(query)}", headers={"Accept": "text/html"}))
    answer = page
    if page.status == 200:  # asked; elsewhere the yes is remembered
        fields = {**page.hidden_fields(), "confirm": "yes"}
        answer = page_of(browser.post(f"{ISSUER}/oauth/authorize", data=fields, headers={"Origin": ISSUER}))
    assert answer.location.startswith(uri), answer.text
    code = dict(parse_qsl(urlsplit(answer.location).query))["code"]
    form = {"grant_type": CODE, "code": code, "redirect_uri": uri, "code_verifier": pkce.verifier}
    headers, method = {}, said["token_endpoint_auth_method"]
    if method == "client_secret_basic":
        pair = f"{said['client_id']}:{said['client_secret']}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    else:
        form["client_id"] = said["client_id"]
    if method == "client_secret_post":
        form["client_secret"] = said["client_secret"]
    tokens = provider.post("/oauth/token", form, **headers)
    assert tokens.status == 200, tokens.body
    return tokens.json


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_a_known_client_registers_and_each_of_its_redirect_uris_works(
    production: tuple[Provider, FlaskClient], name: str
) -> None:
    provider, browser = production
    document = json.loads((FOLDER / f"{name}.json").read_text())
    answer = provider.open("POST", REGISTER, json=document, headers=bearer(new_token(provider)))
    assert answer.status == 201, answer.body
    said = answer.json
    assert said["redirect_uris"] == document["redirect_uris"]
    assert said["grant_types"] == [CODE, "refresh_token"]
    for uri in document["redirect_uris"]:
        assert complete_flow(provider, browser, said, uri)["refresh_token"]
    for uri in document["redirect_uris"]:
        parts = urlsplit(uri)
        if parts.scheme == "http":  # on the port that was free when the client started
            elsewhere = parts._replace(netloc=f"{parts.hostname}:51789").geturl()
            assert complete_flow(provider, browser, said, elsewhere)["refresh_token"]
