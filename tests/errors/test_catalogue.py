"""Every error that the server can send is in the catalogue, is really sent, and leads to a page by its error_uri."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError
from flask import Flask

from tests.support.device_flow import create_device_client, poll, start_device
from tests.support.live_server import LiveServer
from tests.support.person import Person
from tests.support.registering_client import ask as register
from tests.support.token_requests import PRODUCTION, Answer, Provider
from tests.support.waiting import ANSWER_SECONDS
from website import clock
from website.errors.catalogue import CATALOGUE, DEVELOPER, OPERATOR, PERSON, ErrorMeaning
from website.oauth2.errors import ServerError, error_response

PACKAGE = Path(__file__).resolve().parent.parent.parent / "website"
SOURCES = {
    path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py")) if "migrations" not in path.parts
}
#: In which place a call of these has the code.
WRITERS = {"json_error": 1, "Explanation": 0, "_refuse": 3}
#: RFC 6749, section 5.2: what an error_uri is written with.
URI_CHARACTERS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")
HTML = {"Accept": "text/html"}

each_error = pytest.mark.parametrize("error", CATALOGUE.values(), ids=lambda error: error.code)


# What the source can send, and what the catalogue says of it


def classes_in_the_source() -> set[type[OAuth2Error]]:
    """Return every class of protocol errors that a module of ours names."""
    found = set()
    for path in SOURCES:
        dotted = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        found |= {
            value
            for value in vars(import_module(dotted)).values()
            if isinstance(value, type) and issubclass(value, OAuth2Error) and value is not OAuth2Error
        }
    return found


def literals_in_the_source() -> set[str]:
    """Return every code that is written out where an error is made."""
    found = set()
    for node in (node for tree in SOURCES.values() for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(node.func, "id", "")
        given = [value for place, value in enumerate(node.args) if place == WRITERS.get(name)]
        given += [keyword.value for keyword in node.keywords if keyword.arg == "error" and name == "OAuth2Error"]
        found |= {value.value for value in given if isinstance(value, ast.Constant)}
    return found


def test_the_catalogue_has_every_code_that_the_source_can_send_and_no_other() -> None:
    assert {cls.error for cls in classes_in_the_source()} | literals_in_the_source() == set(CATALOGUE)


def test_nothing_writes_an_error_past_the_one_writer() -> None:
    for path, tree in SOURCES.items():
        keys = {
            key.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Dict)
            for key in node.keys
            if isinstance(key, ast.Constant)
        }
        is_writer = path.match("oauth2/errors.py") or path.match("resource_server/refusals.py")  # APIs have their own
        explains = path.match("routes/clients/token_contents.py")
        assert is_writer or explains or "error_description" not in keys, path


def test_what_the_pages_say_an_answer_says_is_a_text_of_the_source() -> None:
    texts = {node.value for tree in SOURCES.values() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    texts |= {cls.description for cls in classes_in_the_source()}
    said = {cause.says for error in CATALOGUE.values() for cause in error.causes if cause.says}

    assert len(said) > 20
    assert said <= texts


@each_error
def test_an_error_has_three_causes_and_a_way_to_look(error: ErrorMeaning) -> None:
    assert len(error.causes) == 3
    assert all(cause.what and cause.remedy for cause in error.causes)
    assert error.looks
    assert error.whose_turn in (DEVELOPER, PERSON, OPERATOR)
    assert re.fullmatch(r"rfc\d{4}#section-[\d.]*\d", error.section)
    assert set(error.sent_as) <= {"json", "challenge", "redirect", "page"}


def test_the_status_of_every_class_is_on_its_page() -> None:
    # A person's no is always a redirect: the status of its class is never sent.
    for cls in classes_in_the_source() - {AccessDeniedError}:
        assert cls.status_code in CATALOGUE[cls.error].statuses, cls


# What is really sent. Each sender returns the answer to a request that fails.


#: Asks for a class of proof that no login here has.
GOLD = '{"id_token": {"acr": {"essential": true, "value": "urn:example:gold"}}}'


def as_json(answer: Answer) -> dict[str, str]:
    return answer.json


def in_redirect(answer: Answer) -> dict[str, str]:
    parts = urlsplit(answer.headers["Location"])
    return dict(parse_qsl(parts.query or parts.fragment))


def in_challenge(answer: Answer) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["WWW-Authenticate"]))


def ask_for_code(provider: Provider, **parameters: str) -> Answer:
    client = provider.create_client(
        "authorization_code", response_types=["code"], redirect_uris=["https://c.example/cb"]
    )
    query = "&".join(f"{name}={value}" for name, value in {"client_id": client.client_id, **parameters}.items())
    return provider.get(f"/oauth/authorize?{query}", **HTML)


def deny(provider: Provider) -> Answer:
    person = Person(provider.application.test_client())
    person.log_in()
    client = person.create_client()
    answer = person.decide(person.ask(client, code_challenge="c" * 43, code_challenge_method="S256"), confirm="no")
    return Answer(answer.status, answer.headers, answer.text.encode())


def ask_to_log_in(provider: Provider, **parameters: str) -> Answer:
    challenge = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
    return ask_for_code(provider, response_type="code", **challenge, **parameters)


def ask_logged_in(provider: Provider, **parameters: str) -> Answer:
    person = Person(provider.application.test_client())
    person.log_in()
    challenge = {"code_challenge": "c" * 43, "code_challenge_method": "S256"}
    answer = person.ask(person.create_client(scope="openid profile"), **challenge, **parameters)
    return Answer(answer.status, answer.headers, answer.text.encode())


def call_api(provider: Provider, token: str | None = None) -> Answer:
    return provider.get("/api/me", **({"Authorization": f"Bearer {token}"} if token else {}))


def call_api_as_client(provider: Provider) -> Answer:
    return call_api(provider, provider.get_token(provider.create_client())["access_token"])


def poll_in_time(provider: Provider) -> Answer:
    client = create_device_client(provider)
    return poll(provider, client, start_device(provider, client)["device_code"])


def poll_twice(provider: Provider) -> Answer:
    client = create_device_client(provider)
    device_code = start_device(provider, client)["device_code"]
    return [poll(provider, client, device_code) for _ in range(2)][-1]


def poll_too_late(provider: Provider) -> Answer:
    client, now = create_device_client(provider), clock.now()
    device_code = start_device(provider, client)["device_code"]
    with time_machine.travel(now + 601, tick=False):
        return poll(provider, client, device_code)


#: What only a server sends that takes no request objects.
NO_OBJECTS = {"rfc9101_jwt_secured_authorization_request": False}
SWITCHES = {"request_not_supported": NO_OBJECTS, "request_uri_not_supported": NO_OBJECTS}
#: What only somebody who is logged in is sent, by the name under which their browser knows the demo.
SENT_TO_PEOPLE = ("access_denied", "consent_required", "unmet_authentication_requirements")
SENDERS: dict[tuple[str, str], Callable[[Provider], Answer]] = {
    ("invalid_request", "json"): lambda it: it.post("/oauth/token?grant_type=password", {}),
    ("invalid_request", "challenge"): lambda it: it.get("/api/me", Authorization="Bearer a b"),
    ("invalid_request", "redirect"): lambda it: ask_for_code(it, response_type="code"),
    ("invalid_client", "json"): lambda it: it.post("/oauth/revoke", {"token": "x", "client_id": "nobody"}),
    ("invalid_grant", "json"): lambda it: it.refresh(it.create_client("refresh_token"), "spent"),
    ("unauthorized_client", "json"): lambda it: it.ask_token(it.create_client("password")),
    ("unauthorized_client", "redirect"): lambda it: ask_for_code(it, response_type="token"),
    ("unsupported_response_type", "redirect"): lambda it: ask_for_code(it, response_type="magic"),
    ("unsupported_grant_type", "json"): lambda it: it.ask_token(it.create_client(), "magic"),
    ("invalid_scope", "json"): lambda it: it.ask_token(it.create_client(), scope="magic"),
    ("invalid_scope", "redirect"): lambda it: ask_for_code(it, response_type="code", scope="magic"),
    ("invalid_target", "json"): lambda it: it.ask_token(it.create_client(), resource="https://api.example"),
    ("invalid_target", "redirect"): lambda it: ask_for_code(it, response_type="code", resource="https://api.example"),
    ("access_denied", "redirect"): deny,
    ("authorization_pending", "json"): poll_in_time,
    ("slow_down", "json"): poll_twice,
    ("expired_token", "json"): poll_too_late,
    ("login_required", "redirect"): lambda it: ask_to_log_in(it, prompt="none"),
    ("consent_required", "redirect"): lambda it: ask_logged_in(it, prompt="none"),
    ("unmet_authentication_requirements", "redirect"): lambda it: ask_logged_in(it, scope="openid", claims=GOLD),
    ("request_not_supported", "redirect"): lambda it: ask_to_log_in(it, request="e30.e30."),
    ("request_uri_not_supported", "redirect"): lambda it: ask_to_log_in(it, request_uri="https://c.example/r"),
    ("invalid_request_object", "redirect"): lambda it: ask_to_log_in(it, request="nonsense"),
    ("invalid_request_uri", "redirect"): lambda it: ask_to_log_in(it, request_uri="https://c.example/r"),
    ("invalid_client_metadata", "json"): lambda it: register(it, scope="magic"),
    ("invalid_redirect_uri", "json"): lambda it: register(it, redirect_uris=["http://evil.example/"]),
    ("invalid_token", "json"): lambda it: call_api(it, "nonsense"),
    ("invalid_token", "challenge"): lambda it: call_api(it, "nonsense"),
    ("insufficient_scope", "json"): call_api_as_client,
    ("insufficient_scope", "challenge"): call_api_as_client,
    ("unauthorized", "json"): call_api,
    ("not_found", "json"): lambda it: it.get("/nowhere"),
    ("method_not_allowed", "json"): lambda it: it.open("PUT", "/logout"),
    ("bad_request", "json"): lambda it: it.open("POST", "/logout", data={"file": (b"", "f.txt")}),
    ("invalid_form", "json"): lambda it: it.post("/logout", {}),
    ("too_large", "json"): lambda it: it.post("/logout", {f"field-{number}": "x" for number in range(101)}),
}
READERS = {"json": as_json, "redirect": in_redirect, "challenge": in_challenge}


@pytest.fixture(scope="module")
def sent_elsewhere() -> set[str]:
    """The codes that need a server of their own, below."""
    return {"insecure_transport", "temporarily_unavailable", "server_error"}


def check(answer: Answer, code: str, way: str, issuer: str) -> None:
    members = READERS[way](answer)
    assert members["error"] == code
    assert members["error_uri"] == f"{issuer}/errors/{code}"
    assert URI_CHARACTERS.match(members["error_uri"])
    assert answer.status in CATALOGUE[code].statuses
    assert way in CATALOGUE[code].sent_as


@pytest.mark.parametrize(("code", "way"), SENDERS)
def test_an_error_names_its_page(create_application: Callable[..., Flask], code: str, way: str) -> None:
    provider = Provider(create_application(OAUTH2_SPECS=SWITCHES.get(code, {})))
    issuer = "http://localhost" if code in SENT_TO_PEOPLE else "http://127.0.0.1:5000"
    check(SENDERS[code, way](provider), code, way, issuer)


def test_a_server_that_is_not_set_up_names_the_page(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(initdb=False))
    answer = provider.post("/oauth/token", {"grant_type": "client_credentials"}, Authorization="Basic YTpi")

    check(answer, "server_error", "json", "http://127.0.0.1:5000")


def test_a_form_sent_to_a_server_that_is_not_set_up_says_so(create_application: Callable[..., Flask]) -> None:
    person = Person(create_application(initdb=False).test_client())
    page = person.post("/", {**person.get("/").hidden_fields(), "username": "ada"})

    assert page.status == 503
    assert "flask initdb" in page.text


@pytest.mark.usefixtures("secure_transport_required")
def test_plain_http_names_the_page_under_the_issuer(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(**PRODUCTION))
    answer = provider.open("POST", "/oauth/token", base_url="http://forged.example")

    check(answer, "insecure_transport", "json", "https://id.example")


@pytest.mark.usefixtures("secure_transport_required")
def test_too_many_requests_name_the_page(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(**PRODUCTION, OAUTH2_RATE_LIMITS={"token": 1}))
    answers = [provider.post("/oauth/token", {}) for _number in range(3)]

    check(answers[-1], "temporarily_unavailable", "json", "https://id.example")


def test_every_code_of_the_catalogue_is_sent_by_one_of_these_tests(sent_elsewhere: set[str]) -> None:
    assert {code for code, _way in SENDERS} | sent_elsewhere == set(CATALOGUE)


def test_a_redirect_carries_the_page_beside_state_and_issuer(application: Flask) -> None:
    members = in_redirect(ask_for_code(Provider(application), response_type="code", state="s"))

    assert list(members) == ["error", "error_description", "error_uri", "state", "iss"]


def test_a_missing_token_is_answered_by_a_challenge_without_an_error(application: Flask) -> None:
    assert set(in_challenge(call_api(Provider(application)))) == {"realm", "scope"}


def test_health_names_the_page_too(application: Flask) -> None:
    check(Provider(application).post("/healthz", {}), "invalid_request", "json", "http://127.0.0.1:5000")


def test_a_stranger_at_the_demo_gets_no_address_made_of_what_it_sent(application: Flask) -> None:
    provider = Provider(application)
    for path in ("/oauth/token", "/healthz", "/oauth/token?" + "x" * 20_000):
        answer = provider.open("POST", path, headers={"Host": 'evil.example"'})
        assert answer.status in (403, 405, 414)
        assert "error_uri" not in answer.json


def test_outside_of_a_request_there_is_no_page_to_name() -> None:
    assert b"error_uri" not in error_response(ServerError()).body


def test_an_error_with_an_address_of_its_own_keeps_it() -> None:
    answer = error_response(OAuth2Error(error="slow_down", uri="https://docs.example/slow"))

    assert b'"error_uri":"https://docs.example/slow"' in answer.body


# The pages


@each_error
def test_an_error_has_a_page_for_everybody(provider_in_production: Provider, error: ErrorMeaning) -> None:
    answer = provider_in_production.get(f"/errors/{error.code}", **HTML)
    page = answer.body.decode()

    assert answer.status == 200
    assert f"<code>{error.code}</code>" in page
    assert page.count('<li class="card">') == 3
    assert error.section_name in page
    assert "${issuer}" not in page


@pytest.fixture
def provider_in_production(secure_transport_required: None, create_application: Callable[..., Flask]) -> Provider:
    return Provider(create_application(**PRODUCTION))


def test_the_first_page_of_errors_links_to_each(application: Flask) -> None:
    page = Provider(application).get("/errors", **HTML).body.decode()

    assert re.findall(r'href="/errors/(\w+)"', page) == list(CATALOGUE)


@pytest.mark.parametrize("code", ["magic", "invalid_grant.toml", "..%2Fapp", "INVALID_GRANT"])
def test_an_unknown_code_has_no_page(application: Flask, code: str) -> None:
    assert Provider(application).get(f"/errors/{code}", **HTML).status == 404


def test_the_page_that_a_person_sees_links_to_the_errors_page(application: Flask) -> None:
    page = ask_for_code(Provider(application), redirect_uri="https://evil.example").body.decode()

    assert '<a href="/errors/invalid_request">What does this mean?</a>' in page


def test_pages_of_errors_need_no_database(create_application: Callable[..., Flask]) -> None:
    person = Person(create_application(TESTING=False).test_client())
    person.log_in()
    server = person.door.application.extensions["grantwright"]  # type: ignore[union-attr]
    with server.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE oauth2_session")

    assert person.get("/account/apps").status == 503
    assert person.get("/errors/temporarily_unavailable").status == 200


def test_switched_off_there_is_neither_page_nor_address(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(OAUTH2_ERROR_PAGES=False))

    assert provider.get("/errors", **HTML).status == provider.get("/errors/invalid_grant", **HTML).status == 404
    assert set(as_json(SENDERS["invalid_client", "json"](provider))) == {"error", "error_description"}
    assert "error_uri" not in in_challenge(call_api(provider, "nonsense"))
    assert "error_uri" not in in_redirect(ask_for_code(provider, response_type="code"))
    assert b"What does this mean?" not in ask_for_code(provider, redirect_uri="https://evil.example").body


# The commands that the pages show


def commands() -> Iterator[str]:
    yield from dict.fromkeys(look.command for error in CATALOGUE.values() for look in error.looks if look.command)


@pytest.mark.parametrize("command", [command for command in commands() if re.match(r"flask (?!run|routes)", command)])
def test_a_command_for_the_operator_works(application: Flask, command: str) -> None:
    result = application.test_cli_runner().invoke(args=command.split()[1:])

    assert result.exit_code == 0, result.output


def test_commands_for_the_developer_work(live_server: Callable[..., LiveServer]) -> None:
    server = live_server("flask")
    person = Person(server.url)
    person.log_in()
    client = person.create_client(grant_type=["client_credentials"], response_type="", redirect_uri="")
    values = {
        "issuer": server.url,
        "client_id": client.client_id,
        "client_secret": client.secret or "",
        "access_token": "gwat_nonsense",
        "refresh_token": "gwrt_nonsense",
        "initial_access_token": "gwia_nonsense",
        "credentials": "YTpi",
        "object": "e30.e30.",
        "uri": server.url,
        "address": f"{server.url}/oauth/authorize?response_type=code&scope=profile",
    }
    typed = [command for command in commands() if not re.match(r"flask|export|journalctl", command)]
    printed = [run_in_shell(command, values) for command in typed]

    assert len(typed) > 6
    assert any("('response_type', 'code')" in text for text in printed)
    assert any('{"active":false}' in text for text in printed)
    assert any('error="invalid_token"' in text for text in printed)
    assert any('"access_token":"gwat_' in text for text in printed)


def run_in_shell(command: str, values: dict[str, Any]) -> str:
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env={"PATH": "/usr/bin:/bin", "NO_PROXY": "127.0.0.1", **values},
        capture_output=True,
        text=True,
        timeout=ANSWER_SECONDS,
    )
    assert finished.returncode == 0, f"{command}\n{finished.stderr}"
    return finished.stdout
