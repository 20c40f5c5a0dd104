"""What this server fetches and posts for clients: each request names host and port, and few are sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask

from tests.oauth2.openid_client import OpenIDClient
from tests.support.listening_client import Publisher, open_listening_client, open_publisher
from tests.support.person import REDIRECT_URI, Pkce
from tests.support.registering_client import ask as register
from tests.support.signing_client import ASSERTION_TYPE, assertion_claims, jwks_of, key_for, sign
from tests.support.token_requests import TOKEN, MachineClient, Provider

ISSUER = "http://127.0.0.1:5000"
REQUEST_OBJECT = "application/oauth-authz-req+jwt"


@pytest.fixture
def provider(create_application: Callable[..., Flask]) -> Provider:
    return Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True, OAUTH2_SENDS_NOTICES=False))


def hosts_of(publisher: Publisher) -> set[str]:
    return {headers["Host"] for headers in publisher.headers}


def create_client(provider: Provider, publisher: Publisher) -> MachineClient:
    """Create a client that publishes a request object which it signed."""
    client = provider.create_client(
        "authorization_code", response_types=["code"], redirect_uris=[REDIRECT_URI], jwks=jwks_of(key_for("ES256")),
        request_uris=[publisher.url],
    )  # fmt: skip
    asked = {"response_type": "code", "redirect_uri": REDIRECT_URI, "scope": "profile", **Pkce().parameters}
    claims = {"iss": client.client_id, "aud": ISSUER, "iat": int(time.time()), **asked}
    publisher.document = sign(key_for("ES256"), "ES256", claims)
    return client


def send_reference(provider: Provider, client: MachineClient, request_uri: str) -> str:
    query = urlencode({"client_id": client.client_id, "request_uri": request_uri})
    return provider.get(f"/oauth/authorize?{query}").headers.get("Location", "")


def test_the_keys_of_a_client_are_asked_for_at_host_and_port(provider: Provider) -> None:
    with open_publisher() as publisher:
        publisher.document = jwks_of(key_for("ES256"))
        client = provider.create_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=publisher.url)
        assertion = sign(key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER))
        proof = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
        assert provider.post(TOKEN, {"grant_type": "client_credentials", **proof}).status == 200
        assert hosts_of(publisher) == {urlsplit(publisher.url).netloc}


def test_a_sector_is_asked_for_at_host_and_port(provider: Provider) -> None:
    with open_publisher("application/json") as publisher:
        publisher.document = [REDIRECT_URI]
        answer = register(provider, subject_type="pairwise", sector_identifier_uri=publisher.url)
        assert answer.status == 201, answer.body
        assert hosts_of(publisher) == {urlsplit(publisher.url).netloc}


def test_a_notice_of_a_logout_is_posted_to_host_and_port(provider: Provider) -> None:
    with open_listening_client() as listener:
        site = OpenIDClient.create(provider, backchannel_logout_uri=listener.url)
        site.person.log_in("alice")
        site.get_tokens()
        site.person.log_out()
        assert provider.application.test_cli_runner().invoke(args=["worker", "--once"]).exit_code == 0
        assert [headers["Host"] for headers in listener.headers] == [urlsplit(listener.url).netloc]


def test_a_request_object_is_fetched_once_in_some_seconds(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("website.oauth2.request_object_documents.SECONDS_BETWEEN", 60.0)
    with open_publisher(REQUEST_OBJECT) as publisher:
        client = create_client(provider, publisher)
        for fragment in ("", "#a", "#b", "", "#c"):
            assert "error" not in send_reference(provider, client, publisher.url + fragment)
        assert hosts_of(publisher) == {urlsplit(publisher.url).netloc}
        assert len(publisher.headers) == 1
        other = create_client(provider, publisher)
        assert "error" not in send_reference(provider, other, publisher.url)
        assert len(publisher.headers) == 2


def test_it_is_fetched_again_afterwards(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("website.oauth2.request_object_documents.SECONDS_BETWEEN", 0.0)
    with open_publisher(REQUEST_OBJECT) as publisher:
        client = create_client(provider, publisher)
        assert "error" not in send_reference(provider, client, publisher.url)
        publisher.document = "nonsense"
        send_reference(provider, client, publisher.url)
        assert len(publisher.headers) == 2
