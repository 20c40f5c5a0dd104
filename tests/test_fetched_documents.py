"""What this server fetches and posts for clients: each request names host and port, and few are sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from jwcrypto import jwk

from tests.support.listening_client import Publisher, open_listening_client, open_publisher
from tests.support.openid_client import OpenIDClient
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


def prove(provider: Provider, client: MachineClient, key: Any = None) -> Any:
    """Ask for a token with an assertion that the client signs by its key, or by another one."""
    assertion = sign(key or key_for("ES256"), "ES256", assertion_claims(client.client_id, ISSUER))
    proof = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
    return provider.post(TOKEN, {"grant_type": "client_credentials", **proof})


@pytest.mark.parametrize(("status", "expected"), [(503, 503), (500, 503), (429, 503), (404, 401), (301, 401)])
def test_keys_that_may_be_there_a_little_later_make_the_client_try_again(
    provider: Provider, status: int, expected: int
) -> None:
    with open_publisher() as publisher:
        publisher.document, publisher.status = jwks_of(key_for("ES256")), status
        client = provider.create_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=publisher.url)
        for _try in range(2):  # the second one finds that the address failed a moment ago
            answer = prove(provider, client)
            assert answer.status == expected
            assert answer.json["error"] == ("temporarily_unavailable" if expected == 503 else "invalid_client")
            assert ("Retry-After" in answer.headers) == (expected == 503)


def test_keys_on_a_server_that_is_away_make_the_client_try_again(provider: Provider) -> None:
    with open_publisher() as publisher:
        client = provider.create_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=publisher.url)
    assert prove(provider, client).status == 503


def test_too_many_requests_under_way_make_a_client_never_seen_try_again(provider: Provider) -> None:
    with open_publisher() as publisher:
        publisher.document = jwks_of(key_for("ES256"))
        client = provider.create_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=publisher.url)
        slots = provider.server.outbound._fetches
        taken = [f"slow{number}.example" for number in range(100) if not slots.take(f"slow{number}.example")]
        assert prove(provider, client).status == 503
        for host in taken:
            slots.give_back(host, 0.0, is_good=False)
        assert prove(provider, client).status == 200


def test_keys_that_were_read_serve_on_while_their_server_is_away_but_a_new_key_waits(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("website.clients.client_keys.LEAST_SECONDS_BETWEEN", 0.0)
    with open_publisher() as publisher:
        publisher.document = jwks_of(key_for("ES256"))
        client = provider.create_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=publisher.url)
        assert prove(provider, client).status == 200
    assert prove(provider, client).status == 200
    assert prove(provider, client, jwk.JWK.generate(kty="EC", crv="P-256", kid="new")).status == 503


def test_a_request_object_whose_keys_are_out_of_reach_is_not_called_wrong(provider: Provider) -> None:
    with open_publisher() as publisher:
        client = provider.create_client(
            "authorization_code", response_types=["code"], redirect_uris=[REDIRECT_URI], jwks_uri=publisher.url
        )
    claims = {"iss": client.client_id, "aud": ISSUER, "iat": int(time.time()), "response_type": "code"}
    query = urlencode({"client_id": client.client_id, "request": sign(key_for("ES256"), "ES256", claims)})
    location = provider.get(f"/oauth/authorize?{query}").headers["Location"]
    assert location.startswith(f"{REDIRECT_URI}?error=temporarily_unavailable&")


def test_too_many_requests_under_way_do_not_make_a_request_object_wrong(provider: Provider) -> None:
    with open_publisher(REQUEST_OBJECT) as publisher:
        client = create_client(provider, publisher)
        slots = provider.server.outbound._fetches
        for number in range(100):
            slots.take(f"slow{number}.example")
        location = send_reference(provider, client, publisher.url)
        assert location.startswith(f"{REDIRECT_URI}?error=temporarily_unavailable&")
        assert publisher.headers == []


def test_the_log_names_the_client_by_its_client_id(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    with open_publisher() as publisher:
        client = provider.create_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=publisher.url)
    prove(provider, client)
    lines = [line for line in capsys.readouterr().err.splitlines() if "keys can't be fetched" in line]
    assert [client.client_id in line for line in lines] == [True]


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
    monkeypatch.setattr("website.oauth2.fetched_request_objects.SECONDS_BETWEEN", 60.0)
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
    monkeypatch.setattr("website.oauth2.fetched_request_objects.SECONDS_BETWEEN", 0.0)
    with open_publisher(REQUEST_OBJECT) as publisher:
        client = create_client(provider, publisher)
        assert "error" not in send_reference(provider, client, publisher.url)
        publisher.document = "nonsense"
        send_reference(provider, client, publisher.url)
        assert len(publisher.headers) == 2
