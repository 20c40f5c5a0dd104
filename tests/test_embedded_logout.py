"""Logout from a client, and how a login was proved, in a provider that another application embeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jwcrypto import jwk, jwt

from tests.support.embedding_host import Host, Visitor, open_hosts
from tests.support.openid_client import header_of
from tests.support.person import REDIRECT_URI, Answer, Pkce, code_of
from tests.support.token_requests import MachineClient
from website.embedding import HostLogin

BACK = "https://client.example/logged-out"
LOGOUT = "/sso/oauth/logout"


@pytest.fixture
def create_host(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    with open_hosts(database_uri, tmp_path) as create:
        yield create


@pytest.fixture
def host(create_host: Callable[..., Host]) -> Host:
    return create_host(ends_logins=True, acr_values=["bronze", "silver"])


@pytest.fixture
def visitor(host: Host) -> Visitor:
    visitor = Visitor(host.app.test_client())
    visitor.log_in(since=1_700_000_000)
    return visitor


@pytest.fixture
def client(host: Host) -> MachineClient:
    return create_client(host)


def create_client(host: Host) -> MachineClient:
    metadata = {
        "client_name": "Photo Printer",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "openid",
        "token_endpoint_auth_method": "client_secret_basic",
        "post_logout_redirect_uris": [BACK],
    }
    made, secret = host.provider.server.clients.create(metadata, None)
    return MachineClient(made.client_id, secret, made.id, "client_secret_basic")


def get_id_token(visitor: Visitor, client: MachineClient, **parameters: str) -> str:
    pkce, browser = Pkce(), visitor.below()
    code = code_of(browser.allow(client.client_id, scope="openid", **pkce.parameters, **parameters))
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    answer = browser.post("/oauth/token", {**fields, "code_verifier": pkce.verifier}, Authorization=client.basic)
    assert answer.status == 200, answer.text
    return str(json.loads(answer.text)["id_token"])


def claims_of(visitor: Visitor, id_token: str) -> dict[str, Any]:
    keys = jwk.JWKSet.from_json(visitor.below().get("/oauth/jwks").text)
    header = header_of(id_token)
    read = jwt.JWT(jwt=id_token, key=keys.get_key(header["kid"]), algs=[header["alg"]])
    claims: dict[str, Any] = json.loads(read.claims)
    return claims


def ask(visitor: Visitor, **parameters: str) -> Answer:
    return visitor.get(f"{LOGOUT}?{urlencode(parameters)}")


def is_logged_in(visitor: Visitor) -> bool:
    at_host = visitor.get("/member").text != "None"
    assert (visitor.get("/sso/").status == 200) == at_host
    return at_host


def metadata(visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(visitor.below().get("/.well-known/openid-configuration").text)
    return found


def test_discovery_names_the_end_session_endpoint_where_the_host_ends_logins(visitor: Visitor) -> None:
    assert metadata(visitor)["end_session_endpoint"] == f"http://localhost{LOGOUT}"


def test_where_the_host_ends_no_logins_there_is_none_and_no_class_of_proof(create_host: Callable[..., Host]) -> None:
    without = Visitor(create_host().app.test_client())
    assert {"end_session_endpoint", "acr_values_supported"}.isdisjoint(metadata(without))
    assert without.get(LOGOUT).status == 404


def test_the_login_s_own_id_token_logs_out_at_the_host_too(visitor: Visitor, client: MachineClient) -> None:
    hint = get_id_token(visitor, client)
    answer = ask(visitor, id_token_hint=hint, post_logout_redirect_uri=BACK, state="s")
    assert (answer.status, answer.location) == (303, f"{BACK}?state=s")
    cookies = [value for name, value in answer.headers.items() if name == "Set-Cookie"]
    # What the host's own functions say after a request comes along, beside its session.
    assert any(cookie.startswith("remember_member=;") for cookie in cookies)
    assert not is_logged_in(visitor)


def test_without_an_id_token_the_person_is_asked_first(visitor: Visitor, client: MachineClient) -> None:
    for decision, stays in (("no", True), ("yes", False)):
        page = ask(visitor, client_id=client.client_id, post_logout_redirect_uri=BACK)
        assert "Ada" in page.text
        assert is_logged_in(visitor)
        answer = visitor.post(LOGOUT, {**page.hidden_fields(), "confirm": decision})
        assert (answer.status, answer.location) == (303, BACK)
        assert is_logged_in(visitor) == stays


@pytest.mark.parametrize("parameters", [{"id_token_hint": "null"}, {"post_logout_redirect_uri": f"{BACK}/"}], ids=str)
def test_what_cannot_be_used_is_asked_about_and_redirects_nowhere(
    visitor: Visitor, client: MachineClient, parameters: dict[str, str]
) -> None:
    page = ask(visitor, **{"client_id": client.client_id, "post_logout_redirect_uri": BACK, **parameters})
    assert page.status == 200
    assert next(iter(parameters)) in page.element("problems")
    assert is_logged_in(visitor)
    answer = visitor.post(LOGOUT, {**page.hidden_fields(), "confirm": "yes"})
    assert (answer.status, answer.location) == (200, "")
    assert not is_logged_in(visitor)


def test_the_host_can_log_in_again_afterwards(visitor: Visitor, client: MachineClient) -> None:
    ask(visitor, id_token_hint=get_id_token(visitor, client))
    assert not is_logged_in(visitor)
    visitor.log_in("m2")
    assert is_logged_in(visitor)


def test_a_client_s_server_is_told_that_the_login_is_the_host_s(visitor: Visitor, client: MachineClient) -> None:
    hint = get_id_token(visitor, client)
    answer = Visitor(visitor.door.application.test_client()).post(  # type: ignore[union-attr]
        LOGOUT, {"id_token_hint": hint}, Authorization=client.basic
    )
    assert answer.status == 400
    assert "another application" in answer.text
    assert is_logged_in(visitor)


# How the login was proved


def test_id_tokens_say_what_the_host_tells_of_the_proof(visitor: Visitor, client: MachineClient) -> None:
    assert {"acr", "amr"}.isdisjoint(claims_of(visitor, get_id_token(visitor, client)))
    visitor.post("/step-up/silver/pwd+otp", {})
    claims = claims_of(visitor, get_id_token(visitor, client))
    assert (claims["acr"], claims["amr"]) == ("silver", ["pwd", "otp"])
    assert claims["auth_time"] == 1_700_000_000
    visitor.post("/step-up/bronze/pwd", {})
    again = claims_of(visitor, get_id_token(visitor, client))
    assert (again["acr"], again["amr"]) == ("bronze", ["pwd"])
    assert again["sid"] == claims["sid"]


def test_discovery_names_the_classes_that_the_host_declared(visitor: Visitor) -> None:
    assert metadata(visitor)["acr_values_supported"] == ["bronze", "silver"]


@pytest.mark.parametrize("declared", [[], ["bronze"]], ids=str)
def test_a_class_that_was_not_declared_is_left_out(create_host: Callable[..., Host], declared: list[str]) -> None:
    host = create_host(ends_logins=True, acr_values=declared)
    visitor, client = Visitor(host.app.test_client()), create_client(host)
    visitor.log_in()
    visitor.post("/step-up/gold/hwk", {})
    claims = claims_of(visitor, get_id_token(visitor, client))
    assert "acr" not in claims
    assert claims["amr"] == ["hwk"]
    # And the login is not begun again at each page.
    assert claims_of(visitor, get_id_token(visitor, client))["auth_time"] == claims["auth_time"]


def test_a_client_that_insists_on_a_class_is_answered_by_the_host_s(visitor: Visitor, client: MachineClient) -> None:
    wanted = json.dumps({"id_token": {"acr": {"essential": True, "values": ["silver"]}}})
    pkce = Pkce()
    refused = visitor.below().allow(client.client_id, scope="openid", claims=wanted, **pkce.parameters)
    assert refused.query["error"] == "unmet_authentication_requirements"
    visitor.post("/step-up/silver/pwd+otp", {})
    assert claims_of(visitor, get_id_token(visitor, client, claims=wanted))["acr"] == "silver"


@pytest.mark.parametrize(
    "proof", [{"acr": 1}, {"acr": "x" * 256}, {"amr": "pwd"}, {"amr": [1]}, {"amr": None}], ids=str
)
def test_a_proof_of_the_wrong_types_is_refused_at_once(proof: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="HostLogin: a[cm]r"):
        HostLogin("m1", **proof)
