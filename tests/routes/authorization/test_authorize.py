"""The authorization endpoint over HTTP: redirect URIs, errors, consent, decisions (A1 to A10, A12, A13)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.one_application import open_application
from tests.support.person import REDIRECT_URI, Person, Pkce, RegisteredClient, code_of

pytestmark = pytest.mark.usefixtures("insecure_transport")
SECOND_SCOPE = {"profile": "See your name", "photos": "See your photos"}


@pytest.fixture
def person(application: Flask) -> Person:
    somebody = Person(application.test_client())
    somebody.log_in()
    return somebody


@pytest.fixture
def client(person: Person) -> RegisteredClient:
    return person.create_client()


def is_off_site(location: str) -> bool:
    return urlsplit(location).netloc not in ("", "127.0.0.1", "localhost")


def mutations(uri: str) -> list[str]:
    """Return addresses that look like a registered one and are not."""
    scheme, rest = uri.split("://", 1)
    host, path = rest.split("/", 1)
    path = "/" + path
    found = [
        uri + "/",
        uri + "?",
        uri + "?x=1",
        uri + "#",
        uri + "#x",
        uri + "%20",
        uri + "/../cb",
        uri + "/.",
        uri + ";a=b",
        uri + "\\",
        uri + "\t",
        uri + "\u0000",
        uri.upper(),
        uri.title(),
        uri.replace("https", "http"),
        uri.replace("https", "HTTPS"),
        uri.replace("/cb", "//cb"),
        uri.replace("/cb", "/./cb"),
        uri.replace("/cb", "/x/../cb"),
        uri.replace("/cb", "/%2e%2e/cb"),
        uri.replace("/cb", "/%63b"),
        uri.replace("/cb", "/c%62"),
        uri.replace("/cb", "\\cb"),
        uri.replace("/cb", "/CB"),
        uri.replace("/cb", ""),
        uri.replace("/cb", "/"),
        f"{scheme}://{host}:443{path}",
        f"{scheme}://{host}:8443{path}",
        f"{scheme}://{host}.{path}",
        f"{scheme}://{host}.evil.example{path}",
        f"{scheme}://evil.example/{host}{path}",
        f"{scheme}://{host}@evil.example{path}",
        f"{scheme}://evil.example@{host}{path}",
        f"{scheme}://{host}:80@evil.example{path}",
        f"{scheme}://{host}%2eevil.example{path}",
        f"{scheme}://{host}\\.evil.example{path}",
        f"{scheme}://{host}\\@evil.example{path}",
        f"{scheme}://{host.replace('i', chr(0x131))}{path}",
        f"{scheme}://{host.replace('e', chr(0x435))}{path}",
        f"{scheme}:/{host}{path}",
        f"{scheme}:{host}{path}",
        f"{scheme}:///{host}{path}",
        f"//{host}{path}",
        path,
        f" {uri}",
        f"{uri} ",
        uri.replace(".", "X"),
        f"{scheme}://.*{path}",
        f"{scheme}://{host}/.*",
        f"{scheme}://{host}/c[b]",
        f"{scheme}://(client|evil).example{path}",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://evil.example/cb",
        "",
    ]
    # Every position loses, doubles, and changes the case of a character: a fixed set, so that a failure repeats.
    for index in range(len(uri)):
        found.append(uri[:index] + uri[index + 1 :])
        found.append(uri[:index] + uri[index] + uri[index:])
        found.append(uri[:index] + uri[index].swapcase() + uri[index + 1 :])
        found.append(uri[:index] + "%" + f"{ord(uri[index]):02x}" + uri[index + 1 :])
        found.append(uri[:index] + "." + uri[index + 1 :])
        found.append(uri[:index] + "*" + uri[index + 1 :])
    return [item for item in dict.fromkeys(found) if item != uri]


def test_no_mutation_of_a_registered_redirect_uri_is_ever_redirected_to(
    person: Person, client: RegisteredClient
) -> None:
    tried = mutations(REDIRECT_URI)
    assert len(tried) > 150
    for uri in tried:
        answer = person.ask(client, redirect_uri=uri, **Pkce().parameters)
        if uri == "":
            # Omitted: the only registered one is meant (RFC 6749, section 3.1.2.3).
            assert answer.status == 200
            continue
        assert answer.status == 400, uri
        assert not answer.location, uri


@settings(max_examples=60)
@given(uri=st.text(min_size=1, max_size=60))
def test_no_text_at_all_is_redirected_to(shared_person: tuple[Person, RegisteredClient], uri: str) -> None:
    person, client = shared_person
    encodable = uri.encode("utf-8", "replace").decode()
    answer = person.ask(client, redirect_uri=encodable, **Pkce().parameters)
    assert answer.status == 400
    assert not answer.location


@pytest.fixture(scope="module")
def shared_person(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with open_application(tmp_path_factory.mktemp("instance")) as application:
        person = Person(application.test_client())
        person.log_in()
        yield person, person.create_client()


@pytest.mark.parametrize(
    ("registered", "asked", "fits"),
    [
        ("http://127.0.0.1/cb", "http://127.0.0.1:43123/cb", True),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1:9000/cb", True),
        ("http://[::1]/cb", "http://[::1]:43123/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:43123/other", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:43123/cb?x=1", False),
        ("http://127.0.0.1/cb", "http://[::1]:43123/cb", False),
        ("http://127.0.0.1/cb", "http://localhost:43123/cb", False),
        ("http://localhost/cb", "http://localhost/cb", True),
        ("http://localhost/cb", "http://localhost:43123/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", False),
        ("http://localhost/cb", "http://localhost.evil.example/cb", False),
        ("http://localhost/cb", "http://localhost:80@evil.example/cb", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999999/cb", False),
        ("http://127.0.0.1/cb", "http://127.1/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.2/cb", False),
        ("http://127.0.0.1/cb", "http://0x7f.0.0.1/cb", False),
    ],
)
def test_only_a_loopback_name_matches_on_any_port(person: Person, registered: str, asked: str, fits: bool) -> None:
    client = person.create_client(redirect_uri=registered)
    answer = person.ask(client, redirect_uri=asked, **Pkce().parameters)
    assert answer.status == (200 if fits else 400)
    assert not is_off_site(answer.location)


@pytest.mark.parametrize("client_id", [None, "unknown", "", "\x00", "x" * 3000])
@pytest.mark.parametrize("redirect_uri", [None, "https://evil.example/cb", REDIRECT_URI, "javascript:alert(1)"])
@pytest.mark.parametrize("response_type", [None, "code", "nonsense", 'a"b'])
def test_nothing_leaves_the_site_before_the_client_is_known(
    shared_person: tuple[Person, RegisteredClient],
    client_id: str | None,
    redirect_uri: str | None,
    response_type: str | None,
) -> None:
    person, _client = shared_person
    parameters = {"client_id": client_id, "redirect_uri": redirect_uri, "response_type": response_type, "scope": "x"}
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    for answer in (person.get(f"/oauth/authorize?{query}"), person.post(f"/oauth/authorize?{query}", {"a": "b"})):
        assert 400 <= answer.status < 500
        assert not answer.location


@pytest.mark.parametrize("bad", [{"response_type": "nonsense"}, {"scope": "nonsense"}, {"response_type": None}])
def test_a_bad_request_with_a_bad_redirect_uri_stays_here(
    person: Person, client: RegisteredClient, bad: dict[str, str | None]
) -> None:
    answer = person.ask(client, **{**bad, "redirect_uri": "https://evil.example/cb"})
    assert answer.status == 400
    assert not answer.location


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"response_type": "nonsense"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"response_type": 'q"\N{SNOWMAN}'}, "unsupported_response_type"),
    ],
)
def test_an_error_goes_to_a_verified_client_with_state_and_issuer(
    person: Person, client: RegisteredClient, bad: dict[str, str | None], error: str
) -> None:
    answer = person.ask(client, state="a b&c=\N{SNOWMAN}", **{**Pkce().parameters, **bad})
    assert answer.status == 302
    assert answer.location.startswith(REDIRECT_URI + "?")
    assert answer.query["error"] == error
    assert answer.query["state"] == "a b&c=\N{SNOWMAN}"
    assert answer.query["iss"] == "http://localhost"


def test_errors_of_the_implicit_grant_come_in_the_fragment_with_their_state(person: Person) -> None:
    client = implicit_client(person)
    answer = person.ask(client, response_type="token", scope="nonsense", state="s")
    assert answer.fragment["error"] == "invalid_scope"
    page = person.ask(client, response_type="token", state="s")
    denied = person.decide(page, "no")
    assert denied.status == 303
    assert denied.fragment == {**denied.fragment, "error": "access_denied", "state": "s", "iss": "http://localhost"}


@pytest.mark.parametrize(
    "name", ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "x"]
)
def test_a_parameter_given_twice_is_refused(person: Person, client: RegisteredClient, name: str) -> None:
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "profile",
        "state": "s",
        "x": "y",
        **Pkce().parameters,
    }
    pairs = [*parameters.items(), (name, parameters[name])]
    answer = person.get(f"/oauth/authorize?{urlencode(pairs)}")
    assert answer.status == 400
    assert not answer.location
    assert person.post("/oauth/authorize", pairs).status == 400


def test_unknown_parameters_are_ignored(person: Person, client: RegisteredClient) -> None:
    assert person.ask(client, favourite_colour="blue", **Pkce().parameters).status == 200


def test_a_code_comes_with_state_issuer_and_a_fragment_of_our_own(person: Person, client: RegisteredClient) -> None:
    page = person.ask(client, state="xyz", **Pkce().parameters)
    answer = person.decide(page)
    assert answer.status == 303
    assert answer.query["state"] == "xyz"
    assert answer.query["iss"] == "http://localhost"
    assert answer.location.endswith("#")
    assert not urlsplit(answer.location).fragment
    assert answer.headers["Cache-Control"] == "no-store"
    again = person.ask(client, state="xyz", **Pkce().parameters)
    assert again.status == 302
    assert code_of(again) != code_of(answer)


def test_without_issuer_identification_no_response_has_iss(create_application: Callable[..., Flask]) -> None:
    person = Person(create_application(OAUTH2_SPECS={"rfc9207_issuer_identification": False}).test_client())
    person.log_in()
    answer = person.allow(person.create_client(), **Pkce().parameters)
    assert "iss" not in answer.query


def test_denying_sends_access_denied_and_remembers_nothing(person: Person, client: RegisteredClient) -> None:
    answer = person.decide(person.ask(client, **Pkce().parameters), "no")
    assert answer.query["error"] == "access_denied"
    assert person.ask(client, **Pkce().parameters).status == 200


def test_any_value_but_yes_denies(person: Person, client: RegisteredClient) -> None:
    for value in ("", "no", "YES", "true", "on"):
        answer = person.decide(person.ask(client, **Pkce().parameters), value)
        assert answer.query["error"] == "access_denied"


def test_who_is_not_logged_in_comes_back_to_the_same_request_after_login(
    application: Flask, client: RegisteredClient
) -> None:
    somebody = Person(application.test_client())
    sent = somebody.ask(client, state="s/1?&", **Pkce().parameters)
    assert sent.status == 302
    login_page = somebody.get(sent.location)
    assert login_page.status == 200
    answer = somebody.post(sent.location, {**login_page.hidden_fields(), "username": "bob"})
    assert answer.status in (302, 303)
    consent = somebody.get(answer.location)
    assert "bob" in consent.text
    assert somebody.decide(consent).query["state"] == "s/1?&"


def test_consent_is_asked_once_and_again_for_more(create_application: Callable[..., Flask]) -> None:
    person = Person(create_application(OAUTH2_SCOPES=SECOND_SCOPE).test_client())
    person.log_in()
    client = person.create_client(scope="profile photos")
    page = person.ask(client, scope="profile", **Pkce().parameters)
    assert "See your name" in page.text
    assert "See your photos" not in page.text
    person.decide(page)
    assert person.ask(client, scope="profile", **Pkce().parameters).status == 302
    more = person.ask(client, scope="profile photos", **Pkce().parameters)
    assert "See your photos" in more.text
    person.decide(more)
    assert person.ask(client, scope="photos", **Pkce().parameters).status == 302
    assert person.ask(client, **Pkce().parameters).status == 302


@pytest.mark.parametrize("redirect_uri", ["com.example.app:/cb", "org.example:/cb"])
def test_a_public_client_that_others_can_pose_as_is_asked_about_each_time(person: Person, redirect_uri: str) -> None:
    client = person.create_client(token_endpoint_auth_method="none", redirect_uri=redirect_uri)
    for _time in range(2):
        page = person.ask(client, redirect_uri=redirect_uri, **Pkce().parameters)
        assert page.status == 200
        assert code_of(person.decide(page))


def test_a_first_party_client_is_not_asked_about(application: Flask, person: Person) -> None:
    server = application.extensions["grantwright"]
    metadata = {
        "client_name": "Intranet",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "profile",
        "token_endpoint_auth_method": "client_secret_basic",
    }
    first_party, _secret = server.clients.create(metadata, None, is_first_party=True)
    assert code_of(person.ask(first_party.client_id, **Pkce().parameters))


def test_an_omitted_scope_is_what_the_client_registered(person: Person, client: RegisteredClient) -> None:
    answer = person.allow(client, scope=None, **(pkce := Pkce()).parameters)
    token = exchange(person, client, code_of(answer), pkce)
    assert token["scope"] == "profile"


def test_a_client_without_the_response_type_is_told_so(person: Person) -> None:
    client = implicit_client(person)
    answer = person.ask(client, **Pkce().parameters)
    assert answer.query["error"] == "unauthorized_client"


def test_a_confidential_client_gets_no_token_in_the_fragment(application: Flask, person: Person) -> None:
    server = application.extensions["grantwright"]
    metadata = {
        "client_name": "Odd",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["implicit"],
        "response_types": ["token"],
        "scope": "profile",
        "token_endpoint_auth_method": "client_secret_basic",
    }
    odd, _secret = server.clients.create(metadata, None)
    assert person.ask(odd.client_id, response_type="token").fragment["error"] == "unauthorized_client"


def test_the_implicit_grant_gives_a_token_without_refresh_in_the_fragment(person: Person) -> None:
    answer = person.allow(implicit_client(person), response_type="token", state="s")
    assert set(answer.fragment) == {"access_token", "token_type", "expires_in", "scope", "state", "iss"}
    me = person.get("/api/me", Authorization=f"Bearer {answer.fragment['access_token']}")
    assert me.status == 200


def test_a_decision_counts_once(person: Person, client: RegisteredClient) -> None:
    page = person.ask(client, **Pkce().parameters)
    assert code_of(person.decide(page))
    second = person.decide(page)
    assert second.status == 400
    assert not second.location


def test_a_decision_without_its_transaction_or_csrf_token_is_refused(person: Person, client: RegisteredClient) -> None:
    page = person.ask(client, **Pkce().parameters)
    for missing in ("transaction", "csrf_token"):
        fields = {name: value for name, value in page.hidden_fields().items() if name != missing}
        answer = person.post("/oauth/authorize", {**fields, "confirm": "yes"})
        assert answer.status == 400
        assert not answer.location
    assert code_of(person.decide(page))


def test_a_decision_on_a_changed_request_is_refused(person: Person, client: RegisteredClient) -> None:
    page = person.ask(client, state="s", **Pkce().parameters)
    for changes in ({"scope": "profile photos"}, {"redirect_uri": "https://evil.example/"}, {"state": "t"}):
        answer = person.decide(page, **changes)
        assert answer.status == 400
        assert not answer.location
    query = urlencode({"redirect_uri": "https://evil.example/"})
    changed = person.post(f"/oauth/authorize?{query}", {**page.hidden_fields(), "confirm": "yes"})
    assert changed.status == 400


def test_a_decision_may_repeat_the_request_that_was_shown(person: Person, client: RegisteredClient) -> None:
    page = person.ask(client, state="s", **Pkce().parameters)
    assert code_of(person.decide(page, state="s", client_id=client.client_id))


def test_another_persons_browser_cannot_answer(application: Flask, person: Person, client: RegisteredClient) -> None:
    page = person.ask(client, **Pkce().parameters)
    mallory = Person(application.test_client())
    mallory.log_in("mallory")
    own = mallory.ask(client, **Pkce().parameters).hidden_fields()
    answer = mallory.post(
        "/oauth/authorize", {**own, "transaction": page.hidden_fields()["transaction"], "confirm": "yes"}
    )
    assert answer.status == 400
    assert not answer.location


def test_a_posted_request_is_kept_and_shown_by_a_get(application: Flask, client: RegisteredClient) -> None:
    somebody = Person(application.test_client())
    parameters = {"response_type": "code", "client_id": client.client_id, "state": "s", **Pkce().parameters}
    answer = somebody.post("/oauth/authorize", parameters, Origin="https://client.example")
    assert answer.status == 303
    assert not is_off_site(answer.location)
    somebody.log_in("bob")
    assert somebody.decide(somebody.get(answer.location)).query["state"] == "s"


def test_a_bad_posted_request_answers_like_a_bad_get(person: Person, client: RegisteredClient) -> None:
    parameters = {"response_type": "code", "client_id": client.client_id, "scope": "nonsense", "state": "s"}
    answer = person.post("/oauth/authorize", parameters)
    assert answer.status == 303
    assert answer.query["error"] == "invalid_scope"


@pytest.mark.parametrize("transaction", ["", "unknown", "\x00", "x" * 5000])
def test_an_unknown_transaction_is_a_page_and_nothing_else(person: Person, transaction: str) -> None:
    answer = person.get(f"/oauth/authorize?{urlencode({'transaction': transaction})}")
    assert answer.status == 400
    assert not answer.location


def test_the_consent_page_may_not_be_framed_and_may_send_the_browser_on(
    person: Person, client: RegisteredClient
) -> None:
    page = person.ask(client, **Pkce().parameters)
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action" not in policy
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "form-action 'self'" in person.get("/").headers["Content-Security-Policy"]


def test_the_consent_page_names_client_account_host_and_permissions(person: Person) -> None:
    client = person.create_client(client_name="<script>alert('x')</script> & Sons")
    page = person.ask(client, **Pkce().parameters)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
    for expected in ("alice", "return to <strong>client.example</strong>", "See your username, user ID and profile"):
        assert expected in page.text


def test_the_consent_page_links_the_clients_web_site_in_a_window_of_its_own(person: Person) -> None:
    client = person.create_client(client_uri="https://printer.example/about?a=1&b=2")
    page = person.ask(client, **Pkce().parameters)
    address = "https://printer.example/about?a=1&amp;b=2"
    assert f'<a href="{address}" target="_blank" rel="noopener noreferrer">printer.example</a>' in page.text


def test_the_consent_page_links_the_clients_privacy_policy_and_terms(application: Flask, person: Person) -> None:
    addresses = {"policy_uri": "https://printer.example/privacy", "tos_uri": "https://printer.example/terms"}
    options = ["--redirect-uri", REDIRECT_URI, "--policy-uri", addresses["policy_uri"], "--tos-uri"]
    command = ["clients", "create", "Photo Printer", *options, addresses["tos_uri"], "--json"]
    made = application.test_cli_runner().invoke(args=command)
    page = person.ask(json.loads(made.output)["client_id"], **Pkce().parameters)
    for address in addresses.values():
        assert f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a>' in page.text


def test_the_consent_page_of_a_client_without_a_web_site_names_none(person: Person) -> None:
    page = person.ask(person.create_client(client_uri=""), **Pkce().parameters)
    assert "Photo Printer" in page.text
    for absent in ("web site", "privacy policy", "terms of service"):
        assert absent not in page.text


@pytest.mark.parametrize(
    "payload", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*19131}}", "'-alert(1)-'"]
)
def test_no_value_of_a_request_is_reflected_unescaped(person: Person, client: RegisteredClient, payload: str) -> None:
    for name in (
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "response_type",
        "transaction",
        "login_hint",
        "ui_locales",
    ):
        query = urlencode({"client_id": client.client_id, **Pkce().parameters, name: payload})
        answer = person.get(f"/oauth/authorize?{query}")
        assert payload not in answer.text
        assert "133917" not in answer.text


def test_an_authorization_endpoint_without_its_specification_is_not_found(
    create_application: Callable[..., Flask],
) -> None:
    off = {"rfc6749_authorization_endpoint": False}
    person = Person(create_application(OAUTH2_SPECS=off).test_client())
    assert person.get("/oauth/authorize").status == 404


def implicit_client(person: Person) -> RegisteredClient:
    return person.create_client(
        grant_type="implicit", response_type="token", token_endpoint_auth_method="none", client_name="In the browser"
    )


def exchange(person: Person, client: RegisteredClient, code: str, pkce: Pkce) -> dict[str, Any]:
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": pkce.verifier,
    }
    answer = person.door.post("/oauth/token", data=fields, headers=client.basic)  # type: ignore[union-attr]
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def test_the_page_of_an_unregistered_redirect_uri_shows_it_and_leads_its_owner_to_the_client(
    application: Flask, person: Person, client: RegisteredClient
) -> None:
    stranger = Person(application.test_client())
    stranger.log_in("mallory")
    for visitor, is_owner in ((person, True), (stranger, False), (Person(application.test_client()), False)):
        answer = visitor.ask(client, redirect_uri="https://evil.example/cb?a=1&b='x'", **Pkce().parameters)
        assert (answer.status, answer.location) == (400, "")
        assert "Callback URL doesn&#39;t match" in answer.text
        assert "RFC 6749, section 3.1.2.4" in answer.text
        assert "<code>https://evil.example/cb?a=1&amp;b=&#39;x&#39;</code>" in answer.text
        assert 'href="https://evil' not in answer.text
        assert ("/clients/" in answer.text) is is_owner
    answer = person.ask(client, redirect_uri="Call <b>us</b> now", **Pkce().parameters)
    assert (answer.status, "Call " in answer.text) == (400, False)
