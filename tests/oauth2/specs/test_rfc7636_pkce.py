"""PKCE over HTTP: required, S256 only, no downgrade in either direction (C1, C2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.code_flow import Flow
from tests.support.one_application import open_application
from tests.support.person import Pkce, code_of
from website.models.client import OAuth2Client


@pytest.fixture
def flow(application: Flask) -> Flow:
    return Flow(application)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_every_client_must_use_pkce_and_hears_it_before_a_person_is_asked(application: Flask, method: str) -> None:
    flow = Flow(application, token_endpoint_auth_method=method)
    answer = flow.person.ask(flow.client)
    assert answer.query["error"] == "invalid_request"
    assert "PKCE" in answer.query["error_description"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"code_challenge": Pkce().challenge},
        {"code_challenge": Pkce().challenge, "code_challenge_method": "plain"},
        {"code_challenge": Pkce().challenge, "code_challenge_method": "s256"},
        {"code_challenge": Pkce().challenge, "code_challenge_method": "S512"},
        {"code_challenge_method": "S256"},
        {"code_challenge": "too-short", "code_challenge_method": "S256"},
        {"code_challenge": Pkce().challenge + "=", "code_challenge_method": "S256"},
        {"code_challenge": "x" * 44, "code_challenge_method": "S256"},
        {"code_challenge": "\N{SNOWMAN}" * 43, "code_challenge_method": "S256"},
    ],
)
def test_anything_but_a_well_formed_s256_challenge_is_refused(flow: Flow, parameters: dict[str, str]) -> None:
    answer = flow.person.ask(flow.client, **parameters)
    assert answer.query["error"] == "invalid_request"


def test_a_verifier_for_a_code_without_a_challenge_is_refused(create_application: Callable[..., Flask]) -> None:
    flow = Flow(create_application(OAUTH2_PKCE_REQUIRED_FOR="public"))
    bare = code(flow, None)
    assert flow.redeem(bare, Pkce()).get_json()["error"] == "invalid_grant"
    assert flow.redeem(code(flow, None), None).status_code == 200


def test_a_challenge_without_a_verifier_is_refused(flow: Flow) -> None:
    assert flow.redeem(code(flow, Pkce()), None).get_json()["error"] == "invalid_grant"


def test_the_challenge_itself_is_no_verifier(flow: Flow) -> None:
    pkce = Pkce()
    answer = flow.redeem(code(flow, pkce), None, code_verifier=pkce.challenge)
    assert answer.get_json()["error"] == "invalid_grant"


def test_another_verifier_is_refused(flow: Flow) -> None:
    assert flow.redeem(code(flow, Pkce()), Pkce()).get_json()["error"] == "invalid_grant"


@pytest.mark.parametrize("verifier", ["a", "x" * 42, "x" * 129, "\N{SNOWMAN}" * 43, "x" * 42 + " ", "x" * 42 + "+"])
def test_a_malformed_verifier_is_refused(flow: Flow, verifier: str) -> None:
    answer = flow.redeem(code(flow, Pkce()), None, code_verifier=verifier)
    assert answer.status_code == 400


@settings(max_examples=25)
@given(verifier=st.text(min_size=1, max_size=140))
def test_no_text_passes_for_a_verifier(burnt: tuple[Flow, str], verifier: str) -> None:
    flow, spent = burnt
    sent = verifier.encode("utf-8", "replace").decode()
    assert flow.redeem(spent, None, code_verifier=sent).status_code == 400


@pytest.fixture(scope="module")
def burnt(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_application(tmp_path_factory.mktemp("instance")) as application:
        flow = Flow(application)
        yield flow, code(flow, Pkce())


def test_a_public_client_needs_pkce_whatever_the_setting(create_application: Callable[..., Flask]) -> None:
    flow = Flow(create_application(OAUTH2_PKCE_REQUIRED_FOR="public"), token_endpoint_auth_method="none")
    assert flow.person.ask(flow.client).query["error"] == "invalid_request"


def test_a_clients_own_page_overrides_the_setting(application: Flask) -> None:
    flow = Flow(application)
    server = application.extensions["grantwright"]
    row = server.clients.find(flow.client.client_id)
    with server.database.writing() as session:
        session.get_one(OAuth2Client, row.id).pkce_required = False
    server.cache_invalidation.forget()
    assert flow.redeem(code(flow, None), None).status_code == 200


def code(flow: Flow, pkce: Pkce | None) -> str:
    return code_of(flow.person.allow(flow.client, **(pkce.parameters if pkce else {})))
