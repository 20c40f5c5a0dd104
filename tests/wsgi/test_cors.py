"""Scripts of other origins: which addresses they may call, from which origins, and that nothing else is open (O9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from tests.support.known_everywhere import within_its_time
from tests.support.residents import open_database, open_nodes
from tests.support.token_requests import (
    INTROSPECT,
    PRODUCTION,
    REVOKE,
    TOKEN,
    Answer,
    MachineClient,
    Provider,
    open_provider,
)
from website.wsgi.cors import REQUEST_HEADERS

API, METADATA, JWKS = "/api/me", "/.well-known/oauth-authorization-server", "/oauth/jwks"
OPENID_CONFIGURATION = "/.well-known/openid-configuration"
WEBFINGER = "/.well-known/webfinger"
USERINFO = "/oauth/userinfo"
METHODS = {TOKEN: "POST", REVOKE: "POST", API: "GET", USERINFO: "GET"}
SPA, ORIGIN = "https://spa.example:8443/cb", "https://spa.example:8443"
#: A redirect URI, and the origin that a browser says to come from on its pages.
REGISTRATION = ("/oauth/register", "/oauth/register/", "/oauth/register/<client_id>")
ORIGINS = {
    SPA: ORIGIN,
    "https://plain.example/cb?a=b": "https://plain.example",
    "https://PLAIN2.example:443/cb": "https://plain2.example",
    "http://127.0.0.1:8000/cb": "http://127.0.0.1:8000",
    "http://[::1]:8000/cb": "http://[::1]:8000",
    "http://localhost:80/cb": "http://localhost",
    "https://xn--bcher-kva.example/cb": "https://xn--bcher-kva.example",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("node")
    with open_database(request, folder, request.param) as uri, open_provider(folder, uri) as opened:
        yield opened


@pytest.fixture
def spa(node: Provider) -> Iterator[MachineClient]:
    """A public client with a page at ORIGIN, and nobody else's."""
    yield create_spa(node, SPA)
    with node.server.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM oauth2_client"))
    node.server.cache_invalidation.forget()


def create_spa(node: Provider, *redirect_uris: str) -> MachineClient:
    return node.create_client(
        "authorization_code", "refresh_token", "password", redirect_uris=list(redirect_uris), response_types=["code"],
        token_endpoint_auth_method="none",
    )  # fmt: skip


def preflight(node: Provider, path: str, origin: str, method: str = "POST") -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    return node.open("OPTIONS", path, headers=headers)


def said(answer: Answer) -> dict[str, str]:
    """Return what an answer says about other origins. Said twice, a browser would take nothing of it."""
    found = [(name.title(), value) for name, value in answer.headers.items()]
    about = [(name, value) for name, value in found if name.startswith("Access-Control-")]
    assert len(about) == len(dict(about))
    return dict(about)


def varies(answer: Answer) -> bool:
    return "Origin" in [value for name, value in answer.headers.items() if name == "Vary"]


def is_open(node: Provider, origin: str) -> bool:
    return said(preflight(node, TOKEN, origin)).get("Access-Control-Allow-Origin") == origin


@pytest.mark.parametrize("path", [METADATA, OPENID_CONFIGURATION, JWKS])
def test_public_documents_are_open_to_any_origin(node: Provider, path: str) -> None:
    # Caches may keep them, so they say it to whoever names no origin too.
    for headers in ({}, {"Origin": "https://anybody.example"}, {"Origin": "null"}):
        answer = node.get(path, **headers)
        assert answer.status == 200
        assert said(answer)["Access-Control-Allow-Origin"] == "*"
        assert not varies(answer)
    asked = preflight(node, path, "https://anybody.example", "GET")
    assert asked.status == 204
    assert said(asked)["Access-Control-Allow-Origin"] == "*"
    wrong = node.post(path, {}, Origin="https://anybody.example")
    assert (wrong.status, said(wrong)["Access-Control-Allow-Origin"]) == (405, "*")


@pytest.mark.parametrize("path", METHODS)
def test_a_preflight_of_a_registered_origin_is_answered(node: Provider, spa: MachineClient, path: str) -> None:
    answer = preflight(node, path, ORIGIN, METHODS[path])
    assert (answer.status, answer.body) == (204, b"")
    assert said(answer) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "GET, POST" if path == USERINFO else METHODS[path],
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After, X-Request-Id",
        "Access-Control-Max-Age": "7200",
    }
    assert varies(answer)


def test_answers_and_errors_name_a_registered_origin(node: Provider, spa: MachineClient) -> None:
    token = node.log_in(spa)["access_token"]
    stranger = MachineClient(spa.client_id, "wrong", spa.row, "client_secret_basic")
    bearer = {"Authorization": f"Bearer {token}"}
    answers = [
        (200, node.post(REVOKE, {"token": "nonsense"}, spa, Origin=ORIGIN)),
        (200, node.get(API, Origin=ORIGIN, **bearer)),
        (400, node.post(TOKEN, {"grant_type": "magic"}, spa, Origin=ORIGIN)),
        (405, node.get(TOKEN, Origin=ORIGIN)),
        (413, node.post(TOKEN, {"a": "x" * 70_000}, Origin=ORIGIN)),
    ]
    challenged = [
        node.post(TOKEN, {"grant_type": "password"}, stranger, Origin=ORIGIN),
        node.get(API, Origin=ORIGIN),
        node.get(USERINFO, Origin=ORIGIN),
    ]
    for status, answer in [*answers, *((401, answer) for answer in challenged)]:
        assert answer.status == status
        assert said(answer)["Access-Control-Allow-Origin"] == ORIGIN
        assert varies(answer)
    for answer in challenged:
        assert answer.headers["WWW-Authenticate"]
        assert "WWW-Authenticate" in said(answer)["Access-Control-Expose-Headers"]


def test_a_request_that_names_no_origin_is_answered_as_ever(node: Provider, spa: MachineClient) -> None:
    for path, method in METHODS.items():
        answer = node.open(method, path)
        assert (said(answer), varies(answer)) == ({}, False)
        assert said(node.open("OPTIONS", path)) == {}


@pytest.mark.parametrize("redirect_uri", ORIGINS)
def test_the_origin_of_any_redirect_uri_is_registered_as_browsers_write_it(node: Provider, redirect_uri: str) -> None:
    assert not is_open(node, ORIGINS[redirect_uri])
    client = create_spa(node, "com.example.app:/cb", redirect_uri, redirect_uri + "2")
    assert is_open(node, ORIGINS[redirect_uri])
    node.server.clients.delete(client.row)
    assert not is_open(node, ORIGINS[redirect_uri])


NOT_REGISTERED = [
    "null", "", "*", "https://spa.example", "http://spa.example:8443", "https://spa.example:8444",
    "https://spa.example:08443", "https://SPA.example:8443", "https://spa.example:8443/", "https://spa.example:8443/cb",
    "https://a.spa.example:8443", "https://evilspa.example:8443", "https://spa.example.evil:8443",
    "https://spa.example:8443@evil.example", "https://user@spa.example:8443", "https://spa.example:8443.evil.example",
    f"{ORIGIN} https://evil.example", f"{ORIGIN}, {ORIGIN}", "com.example.app:", "com.example.app://",
    "com.example.app:/cb", "https://spa.example:8443\\", "https://sp\xe4.example:8443", "https://" + "a" * 5000,
    "https://spa.example:8443%00", "' OR 1=1 --", "https://%",
]  # fmt: skip


@pytest.mark.parametrize("origin", NOT_REGISTERED)
def test_an_origin_that_is_not_registered_hears_nothing_of_it(node: Provider, spa: MachineClient, origin: str) -> None:
    node.server.clients.update(spa.row, {"client_name": "App", "redirect_uris": [SPA, "com.example.app:/cb"],
                                         "token_endpoint_auth_method": "none"})  # fmt: skip
    assert is_open(node, ORIGIN)
    for path, method in METHODS.items():
        asked = preflight(node, path, origin, method)
        assert (asked.status, said(asked)) == (200 if path == API else 204, {})
        assert varies(asked)
    # It is no error either: the request is as good as any other.
    answer = node.post(REVOKE, {"token": "nonsense"}, spa, Origin=origin)
    assert (answer.status, said(answer)) == (200, {})
    assert said(node.get(API, Origin=origin)) == {}


def test_no_header_that_is_malformed_breaks_the_server(node: Provider, spa: MachineClient) -> None:
    for origin in ("https://\0", "\x7f", "\xff\xfe"):
        answer = node.open("GET", API, environ_overrides={"HTTP_ORIGIN": origin})
        assert (answer.status, said(answer)) == (401, {})


def test_no_other_address_is_open_to_scripts_of_other_origins(node: Provider, spa: MachineClient) -> None:
    paths = (
        {rule.rule for rule in node.application.url_map.iter_rules()}
        | set(node.server.registry.addresses)
        | {"/healthz"}
    )
    assert {INTROSPECT, "/oauth/authorize", "/", API, TOKEN} <= paths
    for path in paths - {TOKEN, REVOKE, API, USERINFO, METADATA, OPENID_CONFIGURATION, WEBFINGER, JWKS, *REGISTRATION}:
        for method in ("GET", "POST"):
            assert said(preflight(node, path, ORIGIN, method)) == {}
            assert said(node.open(method, path, headers={"Origin": ORIGIN})) == {}


def test_registering_is_open_to_scripts_of_any_origin_as_none_is_registered_before(node: Provider) -> None:
    for path in ("/oauth/register", "/oauth/register/nobody"):
        assert said(preflight(node, path, "https://unknown.example", "POST"))["Access-Control-Allow-Origin"] == "*"


def allowed_headers(node: Provider, path: str, asked: str, origin: str = ORIGIN, method: str = "GET") -> set[str]:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": asked,
    }
    answer = node.open("OPTIONS", path, headers=headers)
    assert answer.status == 204
    return {name.strip().lower() for name in said(answer)["Access-Control-Allow-Headers"].split(",")}


@pytest.mark.parametrize("path", [METADATA, OPENID_CONFIGURATION, WEBFINGER, JWKS, "/oauth/register"])
@pytest.mark.parametrize("asked", ["mcp-protocol-version", "dpop", "x-my-own,x-other", "x-client-sku, authorization"])
def test_what_is_public_may_be_fetched_with_any_harmless_header(node: Provider, path: str, asked: str) -> None:
    wanted = {name.strip() for name in asked.split(",")}
    assert wanted <= allowed_headers(node, path, asked, "https://anybody.example")


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize(
    "asked", ["mcp-protocol-version", "dpop", "authorization,content-type", "cache-control,pragma"]
)
def test_pages_of_registered_origins_may_send_what_clients_send(
    node: Provider, spa: MachineClient, path: str, asked: str
) -> None:
    assert set(asked.split(",")) <= allowed_headers(node, path, asked, method=METHODS[path])


@pytest.mark.parametrize(
    "asked",
    ["x-forwarded-for", "forwarded", "x-real-ip", "x-original-url", "x-rewrite-url", "x-http-method-override",
     "a b", "a\x7f", "", ",", "\xe4", "a;b", "x" * 65],
)  # fmt: skip
def test_no_page_is_let_send_what_a_proxy_may_obey(node: Provider, asked: str) -> None:
    expected = {name.lower() for name in REQUEST_HEADERS.split(", ")}
    assert allowed_headers(node, METADATA, asked, "https://anybody.example") == expected


def test_an_endless_list_of_headers_is_cut(node: Provider) -> None:
    allowed = allowed_headers(node, METADATA, ",".join(f"x-{number}" for number in range(1000)))
    assert len(allowed) < 60


def test_no_answer_ever_lets_cookies_along(node: Provider, spa: MachineClient) -> None:
    for path in {rule.rule for rule in node.application.url_map.iter_rules()} | set(node.server.registry.addresses):
        for answer in (
            preflight(node, path, ORIGIN),
            node.get(path, Origin=ORIGIN),
            node.post(path, {}, Origin=ORIGIN),
        ):
            assert "Access-Control-Allow-Credentials" not in said(answer)


def test_an_origin_lasts_as_long_as_any_client_has_it(node: Provider) -> None:
    origin = "https://shared.example"
    first, second = create_spa(node, f"{origin}/cb"), create_spa(node, f"{origin}/cb", "https://second.example/cb")
    node.server.clients.delete(first.row)
    assert is_open(node, origin)
    moved = {
        "client_name": "Moved",
        "redirect_uris": ["https://moved.example/cb"],
        "token_endpoint_auth_method": "none",
    }
    node.server.clients.update(second.row, moved)
    assert [is_open(node, name) for name in (origin, "https://second.example", "https://moved.example")] == [
        False, False, True,
    ]  # fmt: skip
    node.server.clients.update(second.row, {"client_name": "Renamed", "token_endpoint_auth_method": "none"})
    assert is_open(node, "https://moved.example")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_origin_that_goes_or_comes_is_known_to_other_nodes_on_time(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    with open_nodes(request, tmp_path, kind, 2) as (first, second):
        client = create_spa(second, SPA)
        assert [is_open(node, ORIGIN) for node in (first, second)] == [True, True]
        second.server.clients.delete(client.row)
        assert not is_open(second, ORIGIN)
        assert within_its_time(lambda: not is_open(first, ORIGIN))
        create_spa(second, SPA)
        assert is_open(first, ORIGIN)  # what was not found is not kept


def test_whoever_is_turned_away_is_told_why_where_the_origin_is_known(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION, OAUTH2_RATE_LIMITS={"token": 60}) as node:
        create_spa(node, SPA, "https://unseen.example/cb")
        statuses = [preflight(node, TOKEN, ORIGIN).status for _ in range(100)]
        assert set(statuses) == {204, 429}
        refused = node.post(TOKEN, {}, Origin=ORIGIN)
        assert (refused.status, said(refused)["Access-Control-Allow-Origin"]) == (429, ORIGIN)
        assert "Retry-After" in said(refused)["Access-Control-Expose-Headers"]
        # No look into the database for who is turned away: an origin that was not seen before has to wait.
        unseen = node.post(TOKEN, {}, Origin="https://unseen.example")
        assert (unseen.status, said(unseen)) == (429, {})


def test_without_its_database_a_node_answers_as_ever(create_application: Callable[..., Flask]) -> None:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/nothing?connect_timeout=2"
    node = Provider(create_application(SQLALCHEMY_DATABASE_URI=nowhere, initdb=False))
    answer = node.post(TOKEN, {"grant_type": "client_credentials", "client_id": "x"}, Origin=ORIGIN)
    assert (answer.status, answer.error, said(answer)) == (503, "temporarily_unavailable", {})
    assert preflight(node, TOKEN, ORIGIN).status == 204


def test_a_specification_that_is_switched_off_leaves_nothing_open(create_application: Callable[..., Flask]) -> None:
    node = Provider(create_application(OAUTH2_SPECS={"rfc7009_token_revocation": False, "rfc7517_jwks": False}))
    create_spa(node, SPA)
    assert is_open(node, ORIGIN)
    for path in (REVOKE, JWKS):
        answer = preflight(node, path, ORIGIN)
        assert (answer.status, said(answer)) == (404, {})


def test_a_specification_of_the_embedders_says_itself_who_may_call(create_application: Callable[..., Flask]) -> None:
    node = Provider(create_application(OAUTH2_SPECS={"tests.oauth2.own_specification": True}))
    create_spa(node, SPA)
    asked: Any = node.get("/oauth/colour", Origin=ORIGIN)
    assert said(asked)["Access-Control-Allow-Origin"] == ORIGIN
