"""Bearer tokens: from the header only, a challenge that says what is missing, a decorator for any WSGI framework."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import werkzeug.test
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

from tests.support.token_requests import MachineClient, Provider
from website.oauth2 import current_token, require_oauth
from website.wsgi import Endpoints, OuterLayer


@pytest.fixture
def client(provider: Provider) -> MachineClient:
    return provider.create_client("password", "refresh_token", "client_credentials")


@require_oauth("photos")
def show_photos() -> str:
    return "photos"


@require_oauth("profile photos")
def show_both() -> str:
    return "both"


@require_oauth(any_of=["profile", "photos"])
def show_either() -> str:
    return "either"


@require_oauth()
def show_token() -> str:
    owner = current_token.user
    said = (current_token.client.client_id, current_token.subject, owner and owner.username, current_token.scope)
    return json.dumps(said)


VIEWS = {"/photos": show_photos, "/both": show_both, "/either": show_either, "/token": show_token}


def pages(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """A WSGI application of no framework at all."""
    try:
        body = VIEWS[environ["PATH_INFO"]]()
    except HTTPException as error:
        return error.get_response(environ)(environ, start_response)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body.encode()]


@pytest.fixture
def ask(provider: Provider) -> Callable[..., Any]:
    door = werkzeug.test.Client(OuterLayer(pages, provider.server, Endpoints(provider.server)))

    def ask(path: str, token: str | None = None, **headers: str) -> Any:
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        peer = {"REMOTE_ADDR": "127.0.0.1"}
        return door.get(path, base_url="http://127.0.0.1:5000", headers=headers, environ_base=peer)

    return ask


def test_a_view_of_any_framework_is_told_whose_token_it_is(
    provider: Provider, client: MachineClient, ask: Callable[..., Any]
) -> None:
    token = provider.log_in(client, "mallory", scope="photos")["access_token"]
    subject = provider.introspect(client, token)["sub"]
    assert ask("/token", token).json == [client.client_id, subject, "mallory", "photos"]
    own = provider.get_token(client)["access_token"]
    assert ask("/token", own).json == [client.client_id, None, None, "profile photos"]


@pytest.mark.parametrize(
    ("scope", "open_doors"),
    [
        ("photos", {"/photos", "/either"}),
        ("profile", {"/either"}),
        ("profile photos", {"/photos", "/both", "/either"}),
    ],
)
def test_all_of_and_any_of_mean_what_they_say(
    provider: Provider, client: MachineClient, ask: Callable[..., Any], scope: str, open_doors: set[str]
) -> None:
    token = provider.get_token(client, scope=scope)["access_token"]
    assert {path for path in ("/photos", "/both", "/either") if ask(path, token).status_code == 200} == open_doors


def test_a_string_for_any_of_is_a_mistake_that_shows_at_once() -> None:
    with pytest.raises(TypeError, match="any_of"):
        require_oauth(any_of="profile")


def test_without_a_token_the_challenge_has_no_error_code(ask: Callable[..., Any]) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}, {"Authorization": "Digest x"}):
        answer = ask("/photos", **headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Grantwright", scope="photos"'
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("token", ["nonsense", "gwat_AAAA", "eyJ.e30.x", "\u00e9", '"', "%00"])
def test_a_token_that_does_not_hold_is_told(ask: Callable[..., Any], token: str) -> None:
    answer = ask("/photos", token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="Grantwright", error="invalid_token"')
    assert answer.json["error"] == "invalid_token"


def test_a_refresh_token_opens_nothing(provider: Provider, client: MachineClient, ask: Callable[..., Any]) -> None:
    assert ask("/photos", provider.log_in(client)["refresh_token"]).status_code == 401


def test_a_token_of_too_little_scope_is_told_which_is_needed(
    provider: Provider, client: MachineClient, ask: Callable[..., Any]
) -> None:
    answer = ask("/photos", provider.get_token(client, scope="profile")["access_token"])
    assert answer.status_code == 403
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="Grantwright", error="insufficient_scope"')
    assert challenge.endswith('scope="photos"')


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer   ", "bearer a b", "Bearer a b"])
def test_a_malformed_header_is_told(ask: Callable[..., Any], header: str) -> None:
    answer = ask("/photos", Authorization=header)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(
    provider: Provider, client: MachineClient, ask: Callable[..., Any], scheme: str
) -> None:
    token = provider.get_token(client)["access_token"]
    assert ask("/photos", Authorization=f"{scheme} {token}").status_code == 200


def test_a_token_in_query_or_body_opens_nothing(
    provider: Provider, client: MachineClient, ask: Callable[..., Any]
) -> None:
    token = provider.get_token(client)["access_token"]
    assert ask(f"/photos?access_token={token}").status_code == 401


@given(raw=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda raw: b"Bearer " + raw)))
@settings(max_examples=100)
def test_no_bytes_of_an_authorization_header_break_the_api(provider: Provider, raw: bytes) -> None:
    answer = provider.open("GET", "/api/me", environ_overrides={"HTTP_AUTHORIZATION": raw.decode("latin-1")})
    assert answer.status in (400, 401)


# The walk-through's API


def test_the_api_says_who_granted_the_token(provider: Provider, client: MachineClient) -> None:
    token = provider.log_in(client, "niaj")["access_token"]
    answer = provider.get("/api/me", Authorization=f"Bearer {token}")
    assert answer.status == 200
    assert answer.json == {"id": answer.json["id"], "username": "niaj"}
    assert isinstance(answer.json["id"], int)
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_api_refuses_a_clients_own_token(provider: Provider, client: MachineClient) -> None:
    token = provider.get_token(client)["access_token"]
    answer = provider.get("/api/me", Authorization=f"Bearer {token}")
    assert (answer.status, answer.error) == (403, "insufficient_scope")


def test_the_api_refuses_a_token_without_its_scope(provider: Provider, client: MachineClient) -> None:
    token = provider.log_in(client, scope="photos")["access_token"]
    assert provider.get("/api/me", Authorization=f"Bearer {token}").status == 403


@pytest.mark.parametrize("how", ["access_token", "refresh_token"])
def test_the_api_refuses_a_revoked_token(provider: Provider, client: MachineClient, how: str) -> None:
    response = provider.log_in(client)
    header = f"Bearer {response['access_token']}"
    assert provider.get("/api/me", Authorization=header).status == 200
    provider.revoke(client, response[how])
    assert provider.get("/api/me", Authorization=header).status == 401


def test_without_bearer_tokens_the_api_is_closed(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_SPECS={"rfc6750_bearer_token": False}))
    client = provider.create_client("password", scope="profile")
    token = provider.log_in(client)["access_token"]
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        answer = provider.get("/api/me", **headers)
        assert (answer.status, answer.error) == (403, "access_denied")
