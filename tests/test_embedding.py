"""The provider inside an application that has users, a login and a database of its own."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog.testing
from flask import Flask, request, session
from flask_sqlalchemy import SQLAlchemy

from tests.support.embedding_host import PASSWORD, PREFIX, Host, Visitor, open_hosts
from tests.support.person import REDIRECT_URI, Pkce, RegisteredClient, code_of
from website.embedding import Account, HostLogin, InvalidResourceError, ResourceScope, current_provider, embed
from website.settings import SettingsError


@pytest.fixture
def create_host(database_uri: str, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """A factory: each call embeds the provider into a host on one database, its tables made, and two members."""
    with open_hosts(database_uri, tmp_path) as create:
        yield create


@pytest.fixture
def host(create_host: Callable[..., Host]) -> Host:
    return create_host()


@pytest.fixture
def visitor(host: Host) -> Visitor:
    return Visitor(host.app.test_client())


def get_tokens(visitor: Visitor, client: RegisteredClient) -> dict[str, Any]:
    pkce, browser = Pkce(), visitor.below()
    code = code_of(browser.allow(client, **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    answer = browser.post("/oauth/token", {**fields, "code_verifier": pkce.verifier}, **client.basic)
    assert answer.status == 200, answer.text
    return dict(json.loads(answer.text))


def api_status(visitor: Visitor, token: str) -> int:
    return visitor.get("/api/photos", Authorization=f"Bearer {token}").status


def ask_userinfo(host: Host, scope: str) -> tuple[Visitor, str, dict[str, Any]]:
    """Log Ada in, have her allow a scope, and return her browser, the token and what the UserInfo endpoint says."""
    visitor = Visitor(host.app.test_client())
    visitor.log_in()
    given = get_tokens(visitor, visitor.create_client(scope=scope))
    answer = visitor.below().get("/oauth/userinfo", Authorization=f"Bearer {given['access_token']}")
    assert answer.status == 200, answer.text
    return visitor, given["access_token"], json.loads(answer.text)


def claims_supported(visitor: Visitor) -> list[str]:
    metadata = json.loads(visitor.below().get("/.well-known/oauth-authorization-server").text)
    assert metadata["userinfo_endpoint"] == "http://localhost/sso/oauth/userinfo"
    return list(metadata["claims_supported"])


# The way in


def test_whoever_is_not_logged_in_goes_to_the_hosts_login_page_and_comes_back(host: Host, visitor: Visitor) -> None:
    for path in ("/sso/", "/sso/create_client", "/sso/account/apps"):
        answer = visitor.get(path)

        login = urlsplit(answer.location)
        assert (answer.status, login.path) == (303, "/login"), path
        assert parse_qs(login.query)["next"] == [path]


def test_an_authorization_request_comes_back_whole_after_the_login(visitor: Visitor) -> None:
    visitor.log_in()
    client = visitor.create_client()
    visitor.log_out()
    asked = visitor.below().ask(client, state="a b&c", **Pkce().parameters)

    came_back = visitor.get(parse_qs(urlsplit(asked.location).query)["next"][0])
    assert asked.status == 302
    assert came_back.status == 302  # to the login page again: nobody logged in meanwhile
    visitor.log_in()
    page = visitor.get(parse_qs(urlsplit(asked.location).query)["next"][0])
    answer = visitor.below().decide(page)
    assert answer.query["state"] == "a b&c"
    assert answer.query["iss"] == "http://localhost/sso"


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}])
def test_a_new_login_is_the_hosts_to_give(visitor: Visitor, asked: dict[str, str]) -> None:
    visitor.log_in(since=1_700_000_000)
    client = visitor.create_client()
    sent = visitor.below().ask(client, **asked, **Pkce().parameters)
    login = urlsplit(sent.location)
    assert (login.path, parse_qs(login.query)["again"]) == ("/login", ["1"])
    back = parse_qs(login.query)["next"][0]

    assert visitor.get(back).query["error"] == "login_required"  # it came back as it went: not round and round
    visitor.log_in(since=1_700_000_500)  # another login, and as old as the request asks it not to be
    assert visitor.get(back).query["error"] == "login_required"
    visitor.log_in(since=int(time.time()))
    assert code_of(visitor.below().decide(visitor.get(back)))


def test_the_pages_answer_every_authorization_request(host: Host, visitor: Visitor) -> None:
    seen: list[str] = []
    host.provider.pages.before_request(lambda: seen.append(request.path))
    visitor.log_in()
    client = visitor.create_client()
    get_tokens(visitor, client)
    seen.clear()
    assert code_of(visitor.below().ask(client, **Pkce().parameters))
    assert seen == ["/oauth/authorize"]


def test_a_login_at_the_host_is_a_login_at_the_provider(visitor: Visitor) -> None:
    visitor.log_in()

    page = visitor.get("/sso/")
    assert page.status == 200
    assert "Hello, Ada" in page.text


def test_a_token_opens_the_hosts_own_api_for_whoever_granted_it(visitor: Visitor) -> None:
    visitor.log_in()
    token = get_tokens(visitor, visitor.create_client())["access_token"]

    answer = visitor.get("/api/photos", Authorization=f"Bearer {token}")
    assert '"of":"Ada"' in answer.text
    refused = visitor.get("/api/photos")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_password_grant_asks_the_hosts_users(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    client = visitor.create_client(grant_type="password", response_type="")
    fields = {"grant_type": "password", "username": "Grace", "password": PASSWORD}
    browser = visitor.below()

    assert browser.post("/oauth/token", fields, **client.basic).status == 200
    assert browser.post("/oauth/token", {**fields, "password": "valid"}, **client.basic).status == 400


# The login follows the host's


def test_two_people_on_one_browser_do_not_mix(visitor: Visitor) -> None:
    visitor.log_in("m1")
    assert "Ada" in visitor.get("/sso/").text
    visitor.log_in("m2")

    page = visitor.get("/sso/").text
    assert "Grace" in page
    assert "Ada" not in page


def test_logging_out_at_the_host_ends_the_login_at_the_provider(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    visitor.get("/sso/")
    subject = host.provider.server.accounts.subjects.find("m1")
    assert subject
    assert host.provider.server.sessions.list_of(subject)
    visitor.log_out()

    assert host.provider.server.sessions.list_of(subject) == []
    assert visitor.get("/sso/").status == 303


def test_a_host_that_tells_of_no_logout_is_followed_at_the_next_page(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    visitor.get("/sso/")
    with visitor.door.session_transaction() as kept:  # type: ignore[union-attr]
        kept.clear()

    assert visitor.get("/sso/").status == 303
    subject = host.provider.server.accounts.subjects.find("m1")
    assert subject
    assert host.provider.server.sessions.list_of(subject) == []


def test_the_time_of_the_login_is_the_hosts(host: Host, visitor: Visitor) -> None:
    visitor.log_in(since=1_700_000_000)
    visitor.get("/sso/")
    visitor.get("/sso/")

    def auth_times() -> list[int]:
        subject = host.provider.server.accounts.subjects.find("m1")
        assert subject
        return [row.auth_time for row in host.provider.server.sessions.list_of(subject)]

    assert auth_times() == [1_700_000_000]
    visitor.log_in(since=1_700_000_500)
    visitor.get("/sso/")
    assert auth_times() == [1_700_000_500]


def test_an_old_login_at_the_host_is_enough_for_a_new_secret_and_the_end_of_a_client(
    host: Host, visitor: Visitor
) -> None:
    visitor.log_in(since=1_700_000_000)
    client = host.provider.server.clients.find(visitor.create_client().client_id)
    page = f"/sso/clients/{client.id}"  # the host's logins get no younger here
    assert visitor.post(f"{page}/rotate_secret", visitor.get(f"{page}/rotate_secret").hidden_fields()).status == 200
    assert visitor.post(f"{page}/delete", visitor.get(f"{page}/delete").hidden_fields()).location == "/sso/"


def test_a_member_who_may_not_log_in_is_told_so_and_not_sent_round_in_a_circle(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    visitor.get("/sso/")
    host.change("m1", is_active=False)

    assert visitor.get("/sso/").status == 403
    assert visitor.get("/sso/").status == 403
    visitor.log_in("nobody")
    assert visitor.get("/sso/account/apps").status == 403


def test_neither_cookie_passes_for_the_other(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    visitor.get("/sso/")
    door: Any = visitor.door
    own, of_host = door.get_cookie("grantwright").value, door.get_cookie("session").value

    def read(app: Flask, cookie: str) -> dict[str, Any]:
        name = app.config["SESSION_COOKIE_NAME"]
        with app.test_request_context(headers={"Cookie": f"{name}={cookie}"}):
            return dict(session)

    assert "login" in read(host.provider.pages, own)
    assert "member" in read(host.app, of_host)
    assert read(host.provider.pages, of_host) == read(host.app, own) == {}


# What ends with an account


def test_signing_out_everywhere_ends_logins_and_tokens(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    tokens = get_tokens(visitor, visitor.create_client())
    assert api_status(visitor, tokens["access_token"]) == 200
    host.provider.sign_out_everywhere("m1")

    assert api_status(visitor, tokens["access_token"]) == 401
    subject = host.provider.server.accounts.subjects.find("m1")
    assert subject
    assert host.provider.server.sessions.list_of(subject) == []


def test_of_a_forgotten_member_nothing_is_left_and_the_subject_is_not_given_again(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    token = get_tokens(visitor, visitor.create_client())["access_token"]
    before = host.provider.server.accounts.subjects.find("m1")
    host.provider.forget("m1")

    assert api_status(visitor, token) == 401
    assert host.provider.server.accounts.subjects.find("m1") is None
    visitor.get("/sso/")
    assert host.provider.server.accounts.subjects.find("m1") not in (None, before)


def test_what_the_host_tells_is_an_event_of_the_request_it_came_with(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    visitor.get("/sso/")
    visitor.log_out()
    events = [json.loads(line) for line in host.command("events", "--json").splitlines()]

    logout = next(event for event in events if event["event"] == "logout")
    assert logout["actor"] == logout["subject"] == host.provider.server.accounts.subjects.find("m1")
    assert logout["request_id"]


# Addresses


def test_everything_of_the_provider_is_below_its_prefix(host: Host, visitor: Visitor) -> None:
    document = visitor.get("/.well-known/oauth-authorization-server/sso").text
    metadata = json.loads(document)

    assert metadata["issuer"] == "http://localhost/sso"
    assert metadata["token_endpoint"] == "http://localhost/sso/oauth/token"
    assert document == visitor.get("/sso/.well-known/oauth-authorization-server").text
    for path in ("/oauth/token", "/create_client", "/ssox", "/.well-known/x/sso", "/sso/account", "/sso/logout"):
        assert visitor.get(path).status == 404, path


def test_an_error_of_the_hosts_is_the_hosts(host: Host, visitor: Visitor) -> None:
    with pytest.raises(LookupError):
        visitor.get("/broken")
    assert visitor.get("/nowhere").headers.get("Content-Security-Policy") is None


def test_the_pages_have_no_link_that_leads_nowhere(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    client = visitor.create_client()
    get_tokens(visitor, client)
    found, waiting = {"/sso/"}, ["/sso/"]
    while waiting:
        path = waiting.pop()
        with host.app.test_client() if "/static/" in path else visitor.door as browser:  # type: ignore[union-attr]
            answer = browser.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        if answer.mimetype == "text/html":
            assert "/logout" not in answer.text
            links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)"', answer.text)}
            waiting += [link for link in links - found if "/oauth/authorize" not in link]
            found |= links
        answer.close()
    assert len(found) > 8


def test_the_host_registers_apis_by_code(host: Host) -> None:
    scopes = [ResourceScope("orders.read", "See your orders", is_open=True)]
    orders = host.provider.resources.create("https://shop.example/api", "Orders", scopes, is_open=False)
    assert orders.id
    assert host.provider.resources.find("https://shop.example/api/") == orders
    with pytest.raises(InvalidResourceError) as refusal:
        host.provider.resources.create("https://shop.example/api", "Orders")
    assert [*refusal.value.problems] == ["identifier"]
    renamed = host.provider.resources.update(orders.id, name="Your orders")
    assert host.provider.resources.list_all() == [renamed]
    assert "https://shop.example/api" in host.command("resources", "list")
    host.provider.resources.delete(orders.id)
    assert host.provider.resources.find("https://shop.example/api") is None


def test_a_form_needs_its_token_below_a_prefix_too(visitor: Visitor) -> None:
    visitor.log_in()
    page = visitor.get("/sso/create_client")
    fields = {"client_name": "x", "redirect_uri": "https://client.example/cb", "grant_type": "authorization_code"}

    assert visitor.post("/sso/create_client", fields).status == 400
    whole = {**page.hidden_fields(), **fields, "response_type": "code", "scope": "profile"}
    whole["token_endpoint_auth_method"] = "client_secret_basic"
    assert visitor.post("/sso/create_client", whole, Origin="https://evil.example").status == 400
    assert visitor.post("/sso/create_client", whole, Origin="http://localhost").status == 200


# The host stays as it is


def test_the_hosts_tables_and_commands_stay_its_own(host: Host) -> None:
    tables = host.tables()

    assert "member" in tables
    assert {name for name in tables if not name.startswith("oauth2_")} == {"member"}
    assert host.app.cli.commands.keys().isdisjoint({"initdb", "users", "clients"})
    assert "CLIENT_ID" in host.command("clients", "list")


def test_commands_for_our_own_users_say_that_the_host_has_them(host: Host) -> None:
    result = host.app.test_cli_runner().invoke(args=["grantwright", "users", "list"])

    assert result.exit_code == 1
    assert "manage them there" in result.output


@pytest.mark.parametrize("is_set_up", [True, False])
def test_the_hosts_logging_stays_its_own(is_set_up: bool, sqlite_uri: str, tmp_path: Path) -> None:
    root, before = logging.getLogger(), structlog.get_config()
    handlers, was_configured = list(root.handlers), structlog.is_configured()
    structlog.reset_defaults()
    try:
        if is_set_up:
            structlog.configure(processors=[structlog.processors.JSONRenderer()])
        of_host = structlog.get_config()
        Host(sqlite_uri, tmp_path).close()

        assert root.handlers == handlers
        assert (structlog.get_config() == of_host) is is_set_up
    finally:
        structlog.reset_defaults()
        if was_configured:
            structlog.configure(**before)


def test_how_the_host_reaches_its_database_holds_and_values_stay_hidden(sqlite_uri: str, tmp_path: Path) -> None:
    options = {"pool_pre_ping": True, "hide_parameters": False}
    host = Host(sqlite_uri, tmp_path, SQLALCHEMY_ENGINE_OPTIONS=options)
    engine = host.provider.server.database.engine

    assert engine.pool._pre_ping
    assert engine.hide_parameters
    host.close()


# What is refused


def refuse(tmp_path: Path, uri: str = "", prefix: str = PREFIX, **config: Any) -> str:
    app = Flask("host", instance_path=str(tmp_path))
    app.config.update(SQLALCHEMY_DATABASE_URI=uri or f"sqlite:///{tmp_path}/host.sqlite", **config)
    db = SQLAlchemy()
    db.init_app(app)

    class Nobody:
        def find(self, user_id: str) -> Account | None:
            return None

        def authenticate(self, username: str, password: str) -> Account | None:
            return None

    with pytest.raises(SettingsError) as refused:
        embed(app, prefix, users=Nobody(), find_login=lambda: None, login_view="log_in", database=db)
    with app.app_context():
        db.engine.dispose()
    return str(refused.value)


def test_what_cannot_work_is_refused_by_name(tmp_path: Path) -> None:
    for prefix in ("sso", "/sso/", "/", "", "//sso", "/sso/..", "/./sso", "/a b", "/sso?x", "/\u00e9"):
        assert "url_prefix" in refuse(tmp_path, prefix=prefix), prefix
    assert "in-memory" in refuse(tmp_path, "sqlite://")
    assert "OAUTH2_SCOPE:" in refuse(tmp_path, OAUTH2_SCOPE={})


# Production

KEYS = {
    "SECRET_KEY": "Zt6u-9fGqk2_VbR8mXw41nLpYcHs7dJa",
    "OAUTH2_KEY_ENCRYPTION_KEY": "4vC4b0ZVJr0Rw3m2l9qgNwq0T1mJt5uQxj8yXcB7eGk",
}
PRODUCTION: dict[str, Any] = {**KEYS, "OAUTH2_DEMO": False, "OAUTH2_ISSUER": "https://example.org/sso"}


def test_production_has_its_rules_in_a_host_too(secure_transport_required: None, tmp_path: Path) -> None:
    outside = {**PRODUCTION, "OAUTH2_ISSUER": "https://example.org"}

    assert "must end in /sso" in refuse(tmp_path, **outside)
    assert "SECRET_KEY" in refuse(tmp_path, **{**PRODUCTION, "SECRET_KEY": "dev"})
    assert refuse(tmp_path, **PRODUCTION, DEBUG=True).startswith("DEBUG")


def test_production_is_served_below_its_prefix(
    secure_transport_required: None, sqlite_uri: str, tmp_path: Path
) -> None:
    host = Host(sqlite_uri, tmp_path, **PRODUCTION, TESTING=False)
    host.set_up()
    visitor = Visitor(host.app.test_client())
    visitor.log_in()

    def get(path: str) -> Any:
        return host.app.test_client().get(path, base_url="https://example.org")

    metadata = get("/.well-known/oauth-authorization-server/sso").get_json()
    assert metadata["issuer"] == "https://example.org/sso"
    assert metadata["token_endpoint"] == "https://example.org/sso/oauth/token"
    assert get("/sso/oauth/jwks").status_code == 200
    assert get("/sso/").location == "/login?next=/sso/"
    browser = host.app.test_client()
    browser.post("/login/m1/0", base_url="https://example.org")
    page = browser.get("/sso/", base_url="https://example.org")
    assert page.status_code == 200
    assert page.headers["Set-Cookie"].startswith("__Host-grantwright=")
    assert host.app.test_client().get("/sso/", base_url="http://example.org").status_code == 400
    host.close()


# What the host does meanwhile


def test_a_form_that_was_opened_under_another_login_changes_nothing(host: Host, visitor: Visitor) -> None:
    visitor.log_in("m2")
    client = visitor.create_client()
    second = get_tokens(visitor, client)["access_token"]
    visitor.log_in("m1")
    first = get_tokens(visitor, client)["access_token"]
    page = visitor.get("/sso/account/apps")
    action = re.search(r'action="(/sso/account/apps/[^"]+/revoke)"', page.text)
    assert action
    visitor.log_in("m2")
    stale = page.hidden_fields()

    assert visitor.post(action.group(1), stale, Origin="http://elsewhere.example").status == 400
    answer = visitor.post(action.group(1), stale, Origin="http://localhost")
    assert (answer.status, answer.location) == (303, "/sso/account/apps")
    assert [api_status(visitor, token) for token in (first, second)] == [200, 200]


def test_a_host_that_fails_costs_a_client_nothing(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    client = visitor.create_client()
    tokens = get_tokens(visitor, client)
    pkce, browser = Pkce(), visitor.below()
    code = code_of(browser.allow(client, **pkce.parameters))
    by_code = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
    by_code["code_verifier"] = pkce.verifier
    by_refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    for fields in (by_refresh, by_code):
        host.fails = True
        failed = browser.post("/oauth/token", fields, **client.basic)
        host.fails = False

        assert failed.status == 503
        assert "temporarily_unavailable" in failed.text
        assert browser.post("/oauth/token", fields, **client.basic).status == 200
    assert api_status(visitor, tokens["access_token"]) == 200
    events = host.command("events", "--json")
    assert "refresh_token_reused" not in events


def test_pages_say_that_they_are_busy_while_the_host_fails(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    host.fails = True

    assert visitor.get("/sso/").status == 503


def test_a_login_at_the_host_from_before_a_sign_out_everywhere_holds_no_more(host: Host, visitor: Visitor) -> None:
    visitor.log_in(since=1_700_000_000)
    assert visitor.get("/sso/").status == 200
    host.provider.sign_out_everywhere("m1")

    assert visitor.get("/sso/").status == 401
    visitor.log_in(since=int(time.time()))
    assert visitor.get("/sso/").status == 200


def test_a_password_that_was_checked_before_a_sign_out_everywhere_gives_no_token(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    client = visitor.create_client(grant_type="password", response_type="")
    host.after_password_check = lambda: host.provider.sign_out_everywhere("m1")
    fields = {"grant_type": "password", "username": "Ada", "password": PASSWORD}

    assert visitor.below().post("/oauth/token", fields, **client.basic).status == 400


def test_pages_about_errors_begin_no_login(host: Host, visitor: Visitor) -> None:
    visitor.log_in()
    for path in ("/sso/errors", "/sso/errors/invalid_grant", "/sso/nowhere"):
        visitor.get(path)

    assert host.provider.server.accounts.subjects.find("m1") is None


def test_logins_of_one_user_are_bounded(host: Host) -> None:
    for _number in range(104):
        visitor = Visitor(host.app.test_client())
        visitor.log_in()
        assert visitor.get("/sso/").status == 200
    subject = host.provider.server.accounts.subjects.find("m1")

    assert subject
    assert len(host.provider.server.sessions.list_of(subject)) == 100
    assert visitor.get("/sso/").status == 200


def test_a_login_of_the_wrong_types_is_refused_at_once() -> None:
    wrong: list[Any] = [(1, None), ("m1", "now"), (None, 1)]
    for user_id, auth_time in wrong:
        with pytest.raises(TypeError):
            HostLogin(user_id, auth_time)


def test_an_error_in_the_hosts_api_names_a_page_that_is_there(host: Host, visitor: Visitor) -> None:
    challenge = visitor.get("/api/photos", Authorization="Bearer made-up").headers["WWW-Authenticate"]
    found = re.search(r'error_uri="http://localhost([^"]+)"', challenge)

    assert found
    assert visitor.get(found.group(1)).status == 200


def test_a_login_page_that_is_not_there_is_named_by_check_config(host: Host) -> None:
    assert "login_view" not in host.command("check-config")
    host.app.view_functions.pop("log_in")
    assert "no view log_in" in host.command("check-config")


# Claims


def test_a_host_tells_claims_of_its_users_within_the_granted_scope(create_host: Callable[..., Host]) -> None:
    host = create_host(tells_claims=True)
    told = {"name": "Ada", "email": "ada@host.example", "email_verified": False, "shoe_size": 38, "groups": ["staff"]}
    told["preferred_username"] = "Ada"
    for scope, names in {
        "openid profile email": {"name", "email", "email_verified", "shoe_size", "groups", "preferred_username"},
        "openid profile": {"name", "shoe_size", "groups", "preferred_username"},
        "openid": set(),
    }.items():
        visitor, token, claims = ask_userinfo(host, scope)
        subject = claims.pop("sub")
        assert subject not in ("m1", "somebody else")
        assert claims == {name: told[name] for name in names}
    assert {"sub", "name", "email"} <= set(claims_supported(visitor))

    host.fails = True
    assert visitor.below().get("/oauth/userinfo", Authorization=f"Bearer {token}").status == 503
    host.fails = False

    host.change("m1", is_active=False)
    answer = visitor.below().get("/oauth/userinfo", Authorization=f"Bearer {token}")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_host_cannot_say_what_is_the_protocols_and_the_log_tells_of_it(
    create_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not what is printed: the logger keeps the stream of the test that it was first used in.
    logged = structlog.testing.CapturingLogger()
    monkeypatch.setattr("website.users.claims_by_scope.log", logged)
    host = create_host(tells_claims=True)
    _visitor, _token, claims = ask_userinfo(host, "openid profile")
    assert claims["sub"] != "somebody else"
    assert not {"acr", "auth_time", "iss"} & set(claims)
    assert {call.kwargs["claim"] for call in logged.calls} == {"sub", "acr", "auth_time", "iss"}


def test_a_host_that_tells_no_claims_has_clients_hear_the_subject_and_the_user_name(host: Host) -> None:
    visitor, _token, claims = ask_userinfo(host, "openid profile")
    assert claims.keys() == {"sub", "preferred_username"}
    assert claims["preferred_username"] == "Ada"
    assert "preferred_username" in claims_supported(visitor)
    assert {"name", "email", "address", "phone_number"}.isdisjoint(claims_supported(visitor))


def test_a_host_may_tell_another_preferred_username_than_the_accounts(create_host: Callable[..., Host]) -> None:
    host = create_host(tells_claims=True)
    assert ask_userinfo(host, "openid profile")[2]["preferred_username"] == "Ada"  # it tells none
    host.more_claims["preferred_username"] = "countess"
    assert ask_userinfo(host, "openid profile")[2]["preferred_username"] == "countess"


@pytest.mark.parametrize(
    ("tells_claims", "promised"),
    [
        (False, {"profile": "See your username"}),
        (("name",), {"profile": "See your username, user ID and profile"}),
        (("name", "email"), {"profile": "See your username, user ID and profile", "email": "See your"}),
    ],
)
def test_consent_promises_no_more_of_a_user_than_the_host_tells(
    create_host: Callable[..., Host], tells_claims: bool | tuple[str, ...], promised: dict[str, str]
) -> None:
    host = create_host(tells_claims=tells_claims)
    visitor = Visitor(host.app.test_client())
    visitor.log_in()
    client, below = visitor.create_client(scope=" ".join(("openid", *promised))), visitor.below()
    page = below.ask(client, scope="openid profile email address phone", **Pkce().parameters)
    for words in promised.values():
        assert words in page.text, page.text
    known = json.loads(below.get("/.well-known/openid-configuration").text)["scopes_supported"]
    assert {"profile", "email", "address", "phone"} & set(known) == set(promised)
    assert {"email", "address"} & set(claims_supported(visitor)) == {"email"} & set(promised)


@pytest.mark.parametrize(
    ("settings", "name"), [({}, "host"), ({"OAUTH2_DISPLAY_NAME": "The Club"}, "The Club")]
)  # fmt: skip
def test_the_pages_bear_the_name_of_the_application_unless_a_setting_says_otherwise(
    create_host: Callable[..., Host], settings: dict[str, str], name: str
) -> None:
    visitor = Visitor(create_host(**settings).app.test_client())
    visitor.log_in()
    assert f"· {name}</title>" in visitor.below().get("/account/apps").text


def test_views_of_an_application_factory_find_the_provider(host: Host) -> None:
    with host.app.app_context():
        assert current_provider.server is host.provider.server
    with Flask("another").app_context(), pytest.raises(RuntimeError, match=r"call embed\(\)"):
        current_provider.log_out()


def test_nobody_is_asked_for_what_a_host_does_not_tell(host: Host) -> None:
    silent = Visitor(host.app.test_client())
    metadata = json.loads(silent.below().get("/.well-known/oauth-authorization-server").text)
    assert not {"email", "address", "phone"} & set(metadata["scopes_supported"])
    assert {"openid", "profile", "offline_access"} <= set(metadata["scopes_supported"])
