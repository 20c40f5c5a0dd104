"""Eight MCP clients come with nothing but their published metadata documents, and each gets and refreshes tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from jwcrypto import jwk

from tests.support.internet import Internet, Page, open_internet
from tests.support.person import Person, Pkce, code_of
from tests.support.published_documents import DOCUMENTS, HOSTS, headers_of
from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of, sign
from tests.support.token_requests import TOKEN

ISSUER = "http://localhost"
JWKS_URI = "https://chatgpt.com/oauth/jwks.json"
API = "http://127.0.0.1:8001/mcp"


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with open_internet(tmp_path_factory.mktemp("internet"), *HOSTS) as internet:
        for document in DOCUMENTS.values():
            url = json.loads(document.content)["client_id"]
            internet.pages[url] = Page(document.content, headers=headers_of(document))
        yield internet


@pytest.fixture(scope="module")
def signing_key(internet: Internet) -> Any:
    key = jwk.JWK.generate(kty="RSA", size=2048, kid="chatgpt")
    internet.pages[JWKS_URI] = Page(jwks_of(key))
    return key


def authentication(document: dict[str, Any], key: Any) -> dict[str, str]:
    """The fields by which the client authenticates at the token endpoint."""
    client_id = document["client_id"]
    if document["token_endpoint_auth_method"] == "none":
        return {"client_id": client_id}
    assertion = sign(key, "RS256", assertion_claims(client_id, ISSUER))
    return {"client_id": client_id, "client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_gets_and_refreshes_tokens_with_no_setting_changed(
    create_application: Callable[..., Flask], internet: Internet, signing_key: Any, name: str
) -> None:
    application = create_application(OAUTH2_OUTBOUND_CA=str(internet.certificate))
    person, pkce = Person(application.test_client()), Pkce()
    published = DOCUMENTS[name]
    document = json.loads(published.content)
    person.log_in()
    asked = {"redirect_uri": published.redirect_uri, "state": "s", "resource": API, **pkce.parameters}
    page = person.ask(document["client_id"], scope=None if name == "Zed" else "profile", **asked)
    assert page.status == 200, page.text
    assert document["client_name"] in page.text
    assert document["client_id"].split("/")[2] in page.text
    answer = person.decide(page)
    assert answer.location.startswith(published.redirect_uri)
    assert (answer.query["iss"], answer.query["state"]) == (ISSUER, "s")
    redemption = {"grant_type": "authorization_code", "code": code_of(answer), "redirect_uri": published.redirect_uri}
    tokens = person.post(
        TOKEN, {**redemption, "code_verifier": pkce.verifier, "resource": API, **authentication(document, signing_key)}
    )
    assert tokens.status == 200, tokens.text
    again = {"grant_type": "refresh_token", "refresh_token": json.loads(tokens.text)["refresh_token"]}
    refreshed = person.post(TOKEN, {**again, **authentication(document, signing_key)})
    assert refreshed.status == 200, refreshed.text
    assert None not in json.loads(refreshed.text).values()
