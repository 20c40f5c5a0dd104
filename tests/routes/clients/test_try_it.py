"""Trying a client out by the server's own callback: who can, what its pages show, and what they refuse."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from flask import Flask

from tests.support.embedding_host import PREFIX, Host, Visitor
from tests.support.one_application import open_application
from tests.support.person import Answer, Person, Pkce
from tests.support.residents import ISSUER, Resident, add_user, logged_in
from tests.support.token_requests import PRODUCTION, Provider
from tests.support.tried_flow import create_own_client, exchange, page_of, path_of, run_flow

ORIGIN = "http://localhost"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with open_application(tmp_path_factory.mktemp("demo")) as application:
        yield application


@pytest.fixture
def ada(demo: Flask) -> Person:
    person = Person(demo.test_client())
    person.log_in("ada")
    return person


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    with open_application(tmp_path_factory.mktemp("production"), **PRODUCTION, OAUTH2_CLIENT_CREATION="users") as made:
        provider = Provider(made)
        for name in ("ada", "mallory", "operator"):
            add_user(provider, name, is_operator=name == "operator")
        yield provider


def log_in_at(person: Person, address: str, username: str) -> Answer:
    """Log in on the page that a link or redirect leads to."""
    return person.post(address, {**person.get(address).hidden_fields(), "username": username})


def claims_on(page: Answer) -> dict[str, str]:
    """Return the claims in the tables of a page."""
    rows = re.findall(r'<td><code>(\w+)</code></td>\s*<td[^>]*><span class="value">(.*?)</span>', page.text)
    return {name: html.unescape(value) for name, value in reversed(rows)}  # of a name that is there twice, the first


def tokens_on(page: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.hidden_fields()["tokens"])
    return found


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret", "access_token_format": "jwt"},
        {
            "token_endpoint_auth_method": "client_secret_basic",
            "more": '{"id_token_signed_response_alg": "HS256", "userinfo_signed_response_alg": "ES256"}',
        },
    ],
    ids=["public", "secret in the header", "secret in the body", "JWT access token", "signed with the secret"],
)
def test_a_flow_runs_from_its_button_to_its_tokens(demo: Flask, ada: Person, fields: dict[str, str]) -> None:
    client = create_own_client(ada, ORIGIN, **fields)
    page = page_of(demo, client)
    callback = run_flow(ada, page)
    assert callback.startswith("/callback?code=")
    came_back, shown = {name for name, _value in parse_qsl(urlsplit(callback).query)}, ada.get(callback).text
    assert came_back == set(re.findall(r"<dt><code>(\w+)</code></dt>", shown)) >= {"code", "state", "session_state"}
    answer = exchange(ada, page, callback, client_secret=client.secret or "")
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    claims = claims_on(answer)
    assert (claims["iss"], claims["aud"]) == (ORIGIN, client.client_id)
    assert ('class="failed"' in answer.text, answer.text.count('class="passed"')) == (False, 5)
    tokens = tokens_on(answer)
    assert tokens["refresh_token"] in answer.text
    assert ("scope" in claims) is (fields.get("access_token_format") == "jwt")
    me = ada.get("/api/me", Authorization=f"Bearer {tokens['access_token']}")
    assert (me.status, json.loads(me.text)["username"]) == (200, "ada")

    answer = ada.post(f"{page}/userinfo", answer.hidden_fields())
    assert "with status 200" in answer.text
    assert (claims_on(answer)["nonce"], claims_on(answer)["preferred_username"]) == (claims["nonce"], "ada")
    assert 'class="failed"' not in answer.text
    assert answer.text.index("4. UserInfo</h2>") < answer.text.index("3. The client has its tokens</h2>")


def test_a_wrong_secret_is_said_beside_its_field_and_leaves_the_code(demo: Flask, ada: Person) -> None:
    client = create_own_client(ada, ORIGIN, token_endpoint_auth_method="client_secret_basic")
    page = page_of(demo, client)
    callback = run_flow(ada, page)
    refused = exchange(ada, page, callback, client_secret="wrong-secret")
    assert refused.status == 422
    assert 'id="client_secret-error"' in refused.text
    assert "wrong-secret" not in refused.text
    assert exchange(ada, page, callback, client_secret=client.secret or "").status == 200


def test_a_code_that_was_exchanged_is_not_sent_again(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    callback = run_flow(ada, page)
    form = ada.get(callback).hidden_fields()
    tokens = tokens_on(exchange(ada, page, callback))
    again = ada.post(f"{page}/tokens", form)
    assert (again.status, "This flow is over" in again.text) == (400, True)
    assert "This flow is over" in ada.get(callback).text
    # Sent again it would be a replay, which ends what it gave.
    assert ada.get("/api/me", Authorization=f"Bearer {tokens['access_token']}").status == 200


def test_a_response_of_another_issuer_is_not_shown(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    callback = run_flow(ada, page)
    code = callback.partition("code=")[2].partition("&")[0]
    for changed in (callback.replace("iss=http", "iss=https"), re.sub(r"&iss=[^&#]*", "", callback)):
        answer = ada.get(changed)
        assert (answer.status, "mix-up" in answer.text, code in answer.text) == (400, True, False)


def test_a_refusal_is_shown_as_what_the_client_gets(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    answer = ada.get(run_flow(ada, page, confirm="no"))
    assert answer.status == 200
    assert "<code>access_denied</code>" in answer.text
    assert "You chose Deny." in answer.text


def test_a_code_that_expired_meanwhile_is_no_fault(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    form = ada.get(run_flow(ada, page)).hidden_fields()
    with time_machine.travel(time.time() + 90, tick=False):
        answer = ada.post(f"{page}/tokens", form)
    assert (answer.status, "The code expired before it was exchanged." in answer.text) == (400, True)


def test_a_flow_belongs_to_its_browser_its_client_and_its_state(demo: Flask, ada: Person) -> None:
    mine, other = (page_of(demo, create_own_client(ada, ORIGIN)) for _ in range(2))
    callback = run_flow(ada, mine)
    form = ada.get(callback).hidden_fields()
    for person in (Person(demo.test_client()), Person(demo.test_client())):
        person.log_in("ada")
        own = person.get(mine).hidden_fields()
        assert person.post(f"{mine}/tokens", {**form, **own}).status == 404
        assert "Exchange the code" not in person.get(callback).text
    assert ada.post(f"{other}/tokens", form).status == 404
    assert ada.post(f"{mine}/tokens", {**form, "state": "another"}).status == 404
    assert "Exchange the code" not in ada.get(callback.replace("state=", "state=x")).text
    assert ada.post(f"{mine}/tokens", form).status == 200


def test_a_logout_ends_the_flow(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    callback = run_flow(ada, page)
    form = ada.get(callback).hidden_fields()
    ada.log_out()
    ada.log_in("ada")
    assert ada.post(f"{page}/tokens", {**form, **ada.get(page).hidden_fields()}).status == 404


def test_a_login_that_the_client_asks_for_keeps_the_flow(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN, more='{"default_max_age": 0}'))
    with time_machine.travel(time.time() + 5, tick=False):
        login = ada.get(path_of(ada.post(page, ada.get(page).hidden_fields())))
        assert (login.status, "again=1" in login.location) == (302, True)
        logged_in = log_in_at(ada, login.location, "ada")
        callback = path_of(ada.decide(ada.get(logged_in.location)))
        assert tokens_on(exchange(ada, page, callback))["id_token"]


def test_another_account_that_answers_is_told_who_can_see_the_response(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    consent = ada.get(path_of(ada.post(page, {**ada.get(page).hidden_fields(), "ask_again": "yes"})))
    switch = re.search(r'href="([^"]*again=1[^"]*)"', consent.text)
    assert switch
    logged_in = log_in_at(ada, html.unescape(switch.group(1)), "bob")
    callback = path_of(ada.decide(ada.get(logged_in.location)))
    told = ada.get(callback)
    assert (told.status, "<strong>bob</strong>" in told.text, "gwac_" in told.text) == (403, True, False)
    assert ada.get(callback.replace("state=", "state=x")).status != 403
    form = ada.get("/create_client").hidden_fields()
    assert ada.post(f"{page}/tokens", form).status == 404

    again = re.search(r'href="([^"]*again=1[^"]*)"', told.text)
    assert again
    assert log_in_at(ada, html.unescape(again.group(1)), "ada").location == page
    assert tokens_on(exchange(ada, page, run_flow(ada, page)))["id_token"]


def test_the_flow_of_another_persons_client_is_not_found(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    mallory = Person(demo.test_client())
    mallory.log_in("mallory")
    token = mallory.get("/create_client").hidden_fields()
    assert mallory.get(page).status == 404
    for path in (page, f"{page}/tokens", f"{page}/userinfo"):
        assert mallory.post(path, {**token, "tokens": "{}"}).status == 404


def test_the_page_says_what_keeps_a_flow_from_running(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN, token_endpoint_auth_method="client_secret_jwt"))
    shown = ada.get(page)
    assert "a key that only it has" in shown.text
    assert "Run the flow</button>" not in shown.text
    assert ada.post(page, ada.get("/create_client").hidden_fields()).status == 404


def test_one_button_adds_the_callback_and_runs_the_flow(demo: Flask, ada: Person) -> None:
    uri = "https://client.example/cb"
    client = create_own_client(ada, ORIGIN, redirect_uri=uri)
    page = page_of(demo, client)
    shown = ada.get(page)
    assert "Add this callback and run</button>" in shown.text
    assert ada.post(page, ada.get("/create_client").hidden_fields()).status == 404  # another form doesn't add it
    assert tokens_on(exchange(ada, page, run_flow(ada, page)))["id_token"]
    found = demo.extensions["grantwright"].clients.find_any(client.client_id)
    assert found.redirect_uris == (uri, f"{ORIGIN}/callback")
    assert "Run the flow</button>" in ada.get(page).text
    for sent in (shown.hidden_fields(), ada.get(page).hidden_fields()):
        assert ada.post(page, sent).status == 303
    assert demo.extensions["grantwright"].clients.find_any(client.client_id) == found


def test_an_owner_who_may_only_narrow_a_client_does_not_add_the_callback(production: Provider) -> None:
    ada, operator = logged_in(production, "ada"), logged_in(production, "operator")
    client = create_own_client(ada, ISSUER, redirect_uri="https://client.example/cb")
    page = page_of(production.application, client)
    assert "Add this callback and run" in ada.get(page).text
    form, edit = ada.get(page).hidden_fields(), page.replace("/try", "/edit")
    fields = {
        "client_name": "Own", "scope": "openid", "redirect_uri": "https://client.example/cb", "first_party": "yes",
        "grant_type": "authorization_code", "token_endpoint_auth_method": "none", "owner": "ada",
    }  # fmt: skip
    assert operator.post(edit, {**operator.get(edit).hidden_fields(), **fields}).status == 303
    shown = ada.get(page)
    assert "Add this callback and run" not in shown.text
    assert "add this server's own callback" in html.unescape(shown.text)
    assert ada.post(page, form).status == 403


def test_tokens_that_are_no_json_are_refused(demo: Flask, ada: Person) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    token = ada.get(page).hidden_fields()
    assert ada.post(f"{page}/userinfo", {**token, "tokens": "no"}).status == 400
    shown = ada.post(f"{page}/userinfo", {**token, "tokens": '{"access_token": "<b>x</b>", "scope": 1}'})
    assert (shown.status, "<b>x</b>" in shown.text, "with status 401" in shown.text) == (200, False, True)


@pytest.mark.parametrize("number", ["9" * 20, "9" * 1000, "-1", "253402300800", "true", "1e300", "1" * 5000])
def test_numbers_that_are_no_moment_are_shown_as_they_are(demo: Flask, ada: Person, number: str) -> None:
    page = page_of(demo, create_own_client(ada, ORIGIN))
    claims = "{" + ", ".join(f'"{name}": {number}' for name in ("exp", "iat", "auth_time", "updated_at")) + "}"
    parts = ('{"alg": "ES256"}', claims, "signature")
    token = ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)
    pasted = f'{{"access_token": "x", "id_token": "{token}", "expires_in": {number}}}'
    status = 400 if len(number) > 4300 else 200
    shown = ada.post(f"{page}/userinfo", {**ada.get(page).hidden_fields(), "tokens": pasted})
    assert (shown.status, "<time" in shown.text) == (status, False)
    if status == 200 and number.isdigit():
        assert claims_on(shown)["exp"] == number


def test_in_the_demo_a_code_of_a_request_by_hand_is_shown(demo: Flask, ada: Person) -> None:
    assert ada.get("/callback?code=gwac_ab-c&state=by-hand").element("code") == "gwac_ab-c"
    for text in ("Call+0800+123", "%3Cb%3E", "gwac_" + "x" * 60, "Visit-evil-example-and-log-in-again"):
        answer = ada.get(f"/callback?code={text}&error_description=Call+us")
        assert (answer.status, 'id="code"' in answer.text, "Call us" in answer.text) == (200, False, False)
    assert Person(demo.test_client()).get("/callback?code=gwac_abc").status == 404


@pytest.mark.parametrize(
    ("method", "words", "parts"),
    [
        ("none", "Replace CODE_VERIFIER first", ('-F client_id="{client_id}"',)),
        (
            "client_secret_basic",
            "Replace CLIENT_SECRET and CODE_VERIFIER first",
            ('-u "{client_id}:CLIENT_SECRET"', "-F redirect_uri=http://localhost/callback"),
        ),
        ("client_secret_jwt", "", ()),
    ],
)
def test_a_code_of_a_request_by_hand_comes_with_the_command_that_exchanges_it(
    ada: Person, method: str, words: str, parts: tuple[str, ...]
) -> None:
    client = create_own_client(ada, ORIGIN, token_endpoint_auth_method=method)
    answer = ada.allow(client, redirect_uri=f"{ORIGIN}/callback", **Pkce().parameters)
    shown = html.unescape(ada.get(path_of(answer)).text)
    assert words in shown
    assert ("curl" in shown) is bool(parts)
    for part in parts:
        assert part.format(client_id=client.client_id) in shown


def test_a_first_flow_has_a_client_made_once_and_reopens_it_beside_others(demo: Flask) -> None:
    grace = Person(demo.test_client())
    grace.log_in("grace")
    visits = [grace.post("/first_flow", grace.get("/").hidden_fields())]
    create_own_client(grace, ORIGIN)  # which is newer, and ready too
    visits.append(grace.post("/first_flow", grace.get("/").hidden_fields()))
    assert {answer.status for answer in visits} == {303}
    assert visits[0].location == visits[1].location
    page = visits[0].location
    assert "My first app" in grace.get(page).text
    assert tokens_on(exchange(grace, page, run_flow(grace, page)))["id_token"]


def test_in_production_owners_and_operators_try_a_client_and_nobody_else_finds_the_callback(
    production: Provider,
) -> None:
    ada, mallory = logged_in(production, "ada"), logged_in(production, "mallory")
    client = create_own_client(ada, ISSUER)
    page = page_of(production.application, client)
    callback = run_flow(ada, page)
    assert mallory.get(page).status == 404
    for person in (mallory, Resident(production.application)):
        assert person.get(callback).status == 404
        assert person.get("/callback").status == 404
    assert ada.get("/callback?code=gwac_abc").status == 404
    assert tokens_on(exchange(ada, page, callback))["id_token"]
    operator = logged_in(production, "operator")
    assert tokens_on(exchange(operator, page, run_flow(operator, page)))["id_token"]
    assert ada.post("/first_flow", ada.get(page).hidden_fields()).status == 404


def test_in_production_somebody_elses_consent_sends_them_to_no_page(production: Provider) -> None:
    ada, mallory = logged_in(production, "ada"), logged_in(production, "mallory")
    client = create_own_client(ada, ISSUER)
    page = page_of(production.application, client)
    begun = ada.post(page, ada.get(page).hidden_fields())
    consent = mallory.get(begun.location)
    answer = mallory.decide(consent)
    assert "/callback?code=" in answer.location
    assert mallory.get(answer.location.removeprefix(ISSUER)).status == 404


def test_requests_on_the_page_count_against_the_limit_of_the_address(tmp_path: Path) -> None:
    with open_application(tmp_path, **PRODUCTION, OAUTH2_RATE_LIMITS={"token": 1}) as application:
        provider = Provider(application)
        add_user(provider, "ada", is_operator=True)
        ada = logged_in(provider, "ada")
        page = page_of(application, create_own_client(ada, ISSUER))
        form = exchange(ada, page, run_flow(ada, page)).hidden_fields()  # charged to its grant instead
        statuses = [re.findall(r"with status (\d+)", ada.post(f"{page}/userinfo", form).text) for _ in range(2)]
        assert statuses == [["200"], ["429"]]


def test_switched_off_there_is_no_callback(tmp_path: Path) -> None:
    with open_application(tmp_path, OAUTH2_TRY_IT=False) as application:
        person = Person(application.test_client())
        person.log_in("ada")
        page = page_of(application, create_own_client(person, ORIGIN))
        assert person.get("/callback?code=gwac_abc").status == 404
        assert "switched this off" in person.get(page).text
        home = person.get("/")
        assert "first_flow" not in home.text
        token = person.get("/create_client").hidden_fields()
        for path in ("/first_flow", page, f"{page}/tokens", f"{page}/userinfo"):
            assert person.post(path, {**token, "tokens": "{}"}).status == 404


def test_an_embedded_provider_has_its_callback_below_its_prefix(tmp_path: Path, database_uri: str) -> None:
    host = Host(database_uri, tmp_path)
    try:
        host.set_up()
        visitor = Visitor(host.app.test_client())
        visitor.log_in("m1")
        client = visitor.create_client(
            scope="profile", token_endpoint_auth_method="none", redirect_uri=f"{ORIGIN}{PREFIX}/callback"
        )
        page = page_of(host.provider.pages, client)
        consent = visitor.below().post(page, visitor.below().get(page).hidden_fields())
        assert consent.location.startswith(f"{PREFIX}/oauth/authorize?")
        allowed = visitor.below().decide(visitor.get(consent.location))
        assert allowed.location.startswith(f"{ORIGIN}{PREFIX}/callback?code=")
        shown = visitor.get(allowed.location.removeprefix(ORIGIN).partition("#")[0])
        answer = visitor.below().post(f"{page}/tokens", shown.hidden_fields())
        assert (answer.status, 'id="access-token"' in answer.text) == (200, True)
    finally:
        host.close()
