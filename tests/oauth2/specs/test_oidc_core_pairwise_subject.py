"""Pairwise subjects: one per sector, the same wherever the client looks, and leading back to nobody."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask

from tests.support.openid_client import OpenIDClient
from tests.support.person import REDIRECT_URI, code_of
from tests.support.token_requests import INTROSPECT, Provider
from tests.support.waiting import POLL_SECONDS
from website.clients.metadata import check_metadata
from website.clients.operator_decisions import check_decisions

METADATA = "/.well-known/openid-configuration"
Create = Callable[..., Flask]


def create_site(provider: Provider, username: str = "alice", **metadata: Any) -> OpenIDClient:
    site = OpenIDClient.create(provider, **{"subject_type": "pairwise", **metadata})
    site.person.log_in(username)
    return site


def subject_at(site: OpenIDClient) -> str:
    return str(site.judge(site.get_tokens()["id_token"])["sub"])


@pytest.fixture
def site(stored_provider: Provider) -> OpenIDClient:
    return create_site(stored_provider)


def test_clients_of_one_host_know_a_user_by_one_subject_and_others_by_another(stored_provider: Provider) -> None:
    first, second = create_site(stored_provider), create_site(stored_provider)
    public = create_site(stored_provider, subject_type="public")
    elsewhere = create_site(stored_provider, sector_identifier_uri="https://other.example/list.json")
    assert subject_at(first) == subject_at(first) == subject_at(second)
    assert len({subject_at(first), subject_at(public), subject_at(elsewhere)}) == 3
    assert subject_at(create_site(stored_provider, "bob")) != subject_at(first)


def test_it_is_the_same_wherever_the_client_looks(site: OpenIDClient) -> None:
    tokens = site.get_tokens(scope="openid offline_access")
    subject = site.judge(tokens["id_token"])["sub"]
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert site.provider.get("/oauth/userinfo", **bearer).json["sub"] == subject
    described = site.provider.post(INTROSPECT, {"token": tokens["access_token"]}, site.client).json
    assert described["sub"] == subject
    refreshed = site.provider.get_token(site.client, "refresh_token", refresh_token=tokens["refresh_token"])
    assert site.judge(refreshed["id_token"])["sub"] == subject
    answer = site.allow("id_token")
    assert site.judge(dict(parse_qsl(urlsplit(answer.location).fragment))["id_token"])["sub"] == subject


def test_the_public_subject_is_told_nowhere(site: OpenIDClient) -> None:
    tokens = site.get_tokens()
    public = site.provider.server.accounts.subjects.subject_for_user(
        str(site.provider.server.users.find_or_create("alice").id)
    )[0]
    for text in (json.dumps(site.judge(tokens["id_token"])), json.dumps(tokens)):
        assert public not in text


def test_a_hint_and_a_claim_are_understood(site: OpenIDClient) -> None:
    hint = site.get_tokens()["id_token"]
    subject = site.judge(hint)["sub"]
    assert code_of(site.ask(prompt="none", id_token_hint=hint))
    asked = json.dumps({"id_token": {"sub": {"value": subject}}})
    assert code_of(site.ask(prompt="none", claims=asked))
    other = create_site(site.provider, "bob")
    expected = site.ask(prompt="none", claims=json.dumps({"id_token": {"sub": {"value": subject_at(other)}}}))
    assert "login_required" in expected.location


def test_many_at_once_get_one_subject(stored_provider: Provider) -> None:
    server = stored_provider.server
    client = server.clients.find(create_site(stored_provider).client.client_id)
    subject = server.accounts.subjects.subject_for_user(str(server.users.find_or_create("carol").id))[0]
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(server.subject_for(client, subject))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


# Registration


@pytest.fixture
def listed() -> Iterator[tuple[str, dict[str, str]]]:
    """An address, and the text with which it answers."""
    document = {"text": "[]"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = document["text"].encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/list.json", document
        server.shutdown()
        thread.join()


def problems(provider: Provider, **metadata: Any) -> dict[str, str]:
    good = {
        "client_name": "x", "grant_types": ["authorization_code"], "response_types": ["code"],
        "subject_type": "pairwise", "token_endpoint_auth_method": "client_secret_basic",
        "redirect_uris": [REDIRECT_URI], **metadata,
    }  # fmt: skip
    return check_metadata(good, provider.server.metadata.offered).by_field


def test_several_hosts_need_a_list_that_has_all_of_them(
    create_application: Create, listed: tuple[str, dict[str, str]]
) -> None:
    address, document = listed
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    several = ["https://one.example/cb", "https://two.example/cb"]
    assert problems(provider) == {}
    assert problems(provider, redirect_uris=several).keys() == {"subject_type"}
    document["text"] = json.dumps([*several, "https://three.example/cb"])
    assert problems(provider, redirect_uris=several, sector_identifier_uri=address) == {}
    document["text"] = json.dumps(several[:1])
    assert problems(provider, redirect_uris=several, sector_identifier_uri=address).keys() == {"sector_identifier_uri"}


@pytest.mark.parametrize("text", ["{}", "null", "nonsense", '[{"a": 1}]', "[" * 30_000, '"https://client.example/cb"'])
def test_what_is_no_list_is_refused(create_application: Create, listed: tuple[str, dict[str, str]], text: str) -> None:
    address, document = listed
    document["text"] = text
    provider = Provider(create_application(OAUTH2_OUTBOUND_LOOPBACK=True))
    assert problems(provider, sector_identifier_uri=address).keys() == {"sector_identifier_uri"}


@pytest.mark.parametrize("wrong", [{"subject_type": "secret"}, {"subject_type": []}, {"sector_identifier_uri": 7}])
def test_what_does_not_do_cannot_be_registered(provider: Provider, wrong: dict[str, Any]) -> None:
    assert problems(provider, **wrong).keys() == wrong.keys()


def test_a_pairwise_client_has_no_tokens_that_show_the_public_subject(provider: Provider) -> None:
    metadata = {"token_endpoint_auth_method": "client_secret_basic", "subject_type": "pairwise"}
    assert check_decisions({"access_token_format": "jwt"}, metadata, ["sealed", "jwt"], ["ES256"])
    assert not check_decisions({"access_token_format": "sealed"}, metadata, ["sealed", "jwt"], ["ES256"])


# Discovery


def test_discovery_names_both(provider: Provider) -> None:
    assert provider.get(METADATA).json["subject_types_supported"] == ["public", "pairwise"]


def test_switched_off_there_are_public_ones_alone(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"oidc_core_pairwise_subject": False}))
    assert provider.get(METADATA).json["subject_types_supported"] == ["public"]
    assert "subject_type" not in provider.server.registry.client_fields
