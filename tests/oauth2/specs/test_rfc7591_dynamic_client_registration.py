"""Clients that register themselves: who may, what they may say, what they get, and how little a stranger gets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask

from tests.support.openid_client import OpenIDClient
from tests.support.person import Person, Pkce
from tests.support.registering_client import REDIRECT_URI, REGISTER, Registration, ask, new_token, send
from tests.support.signing_client import jwks_of, key_for
from tests.support.token_requests import PRODUCTION, Provider, open_provider
from website import clock
from website.clients.registration import LISTS, TEXTS

METADATA = "/.well-known/openid-configuration"
CORS = {"Origin": "https://anywhere.example", "Access-Control-Request-Method": "POST"}
Create = Callable[..., Flask]


@pytest.fixture(scope="module")
def open_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider at which anybody may register a client."""
    folder = tmp_path_factory.mktemp("open")
    with open_provider(
        folder,
        f"sqlite:///{folder}/db.sqlite",
        OAUTH2_REGISTRATION="open",
        OAUTH2_REGISTRATION_GRANT_TYPES=["authorization_code", "refresh_token", "implicit"],
    ) as opened:
        yield opened


# Who may


def test_an_initial_access_token_lets_its_holder_register_a_client(stored_provider: Provider) -> None:
    registration = Registration.create(stored_provider, client_name="Photo Printer")
    said = registration.said
    assert said["client_name"] == "Photo Printer"
    assert (said["redirect_uris"], said["client_secret_expires_at"]) == ([REDIRECT_URI], 0)
    assert said["registration_client_uri"] == f"http://127.0.0.1:5000{REGISTER}/{said['client_id']}"
    assert abs(said["client_id_issued_at"] - clock.now()) < 60


@pytest.mark.parametrize("token", ["", "gwia_wrong", "two words"])
def test_without_one_nobody_does(stored_provider: Provider, token: str) -> None:
    answer = ask(stored_provider, token)
    assert (answer.status, answer.error) == (401, "invalid_token")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="')


def test_a_token_is_good_for_as_many_clients_as_it_was_made_for(stored_provider: Provider) -> None:
    token = new_token(stored_provider, uses=2)
    assert [ask(stored_provider, token).status for _try in range(3)] == [201, 201, 401]


def test_of_many_who_come_at_once_with_its_last_use_one_gets_a_client(stored_provider: Provider) -> None:
    token, found = new_token(stored_provider), []
    tries = [threading.Thread(target=lambda: found.append(ask(stored_provider, token).status)) for _try in range(6)]
    for one in tries:
        one.start()
    for one in tries:
        one.join()
    assert sorted(found) == [201, *[401] * 5]


def test_it_ends(stored_provider: Provider) -> None:
    assert ask(stored_provider, new_token(stored_provider, seconds=0)).status == 401


def test_a_registration_that_is_refused_uses_nothing_up(stored_provider: Provider) -> None:
    token = new_token(stored_provider)
    assert ask(stored_provider, token, redirect_uris=["http://evil.example/"]).status == 400
    assert ask(stored_provider, token).status == 201


def test_neither_token_is_kept_as_it_is(provider: Provider) -> None:
    initial = new_token(provider, uses=2)
    registered = ask(provider, initial).json
    everything = provider.read_everything()
    assert not any(text in everything for text in (initial, registered["registration_access_token"]))


def test_where_it_is_off_nothing_is_there(create_application: Create) -> None:
    provider = Provider(create_application(OAUTH2_REGISTRATION="off"))
    assert "registration_endpoint" not in provider.get(METADATA).json
    assert send(provider, "POST", REGISTER, {}).status == 404


def test_discovery_names_the_address(provider: Provider) -> None:
    assert provider.get(METADATA).json["registration_endpoint"] == f"http://127.0.0.1:5000{REGISTER}"


# What is said


def test_a_client_that_says_next_to_nothing_gets_the_usual(provider: Provider) -> None:
    said = Registration.create(provider).said
    assert said["token_endpoint_auth_method"] == "client_secret_basic"
    assert (said["grant_types"], said["response_types"]) == (["authorization_code"], ["code"])
    assert set(said["scope"].split()) == {"profile", "openid", "offline_access", "email", "address", "phone"}
    assert said["client_name"] == "client.example"


def test_grant_types_follow_from_response_types(tmp_path: Path) -> None:
    grant_types = ["authorization_code", "refresh_token", "implicit"]
    with open_provider(
        tmp_path, f"sqlite:///{tmp_path}/db.sqlite", OAUTH2_REGISTRATION_GRANT_TYPES=grant_types
    ) as provider:
        said = Registration.create(provider, response_types=["id_token code", "id_token"]).said
    assert said["grant_types"] == ["authorization_code", "implicit"]
    assert said["response_types"] == ["code id_token", "id_token"]


def test_whoever_registered_can_log_people_in(stored_provider: Provider) -> None:
    registration = Registration.create(stored_provider, grant_types=["authorization_code", "refresh_token"])
    site = OpenIDClient.of(stored_provider, registration.client)
    site.person.log_in("alice")
    tokens = site.get_tokens(scope="openid offline_access")
    assert site.judge(tokens["id_token"])["sub"]
    assert stored_provider.refresh(registration.client, tokens["refresh_token"]).status == 200


def test_a_public_client_gets_no_secret(provider: Provider) -> None:
    said = Registration.create(provider, token_endpoint_auth_method="none").said
    assert not {"client_secret", "client_secret_expires_at"} & said.keys()


def test_a_client_that_got_a_secret_needs_it(provider: Provider) -> None:
    client = Registration.create(provider, grant_types=["authorization_code", "refresh_token"]).client
    fields = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client.client_id}
    answer = provider.post("/oauth/token", fields)
    assert (answer.status, answer.error) == (401, "invalid_client")


def test_a_confidential_client_may_have_what_openid_connect_combines(open_door: Provider) -> None:
    kinds = ["code", "id_token", "code id_token", "id_token token", "code id_token token", "code token"]
    assert sorted(Registration.create(open_door, response_types=kinds).said["response_types"]) == sorted(kinds)


def test_what_nobody_knows_here_is_ignored_and_what_says_nothing_to_us_is_kept(provider: Provider) -> None:
    known = {
        "contacts": ["ann@client.example"],
        "logo_uri": "https://client.example/logo.png",
        "software_id": "printer",
        "application_type": "web",
        "default_max_age": 60,
        "require_auth_time": True,
        "default_acr_values": ["1"],
        "jwks": jwks_of(key_for("ES256")),
    }
    said = Registration.create(provider, favourite_colour="blue", client_uri=None, **known).said
    assert {name: said[name] for name in known} == known
    assert not {"favourite_colour", "client_uri"} & said.keys()


WRONG: list[tuple[str, Any]] = [
    ("redirect_uris", ["http://evil.example/cb"]),
    ("redirect_uris", ["https://client.example/cb#fragment"]),
    ("redirect_uris", []),
    ("token_endpoint_auth_method", "magic"),
    ("grant_types", ["client_credentials"]),
    ("grant_types", ["password"]),
    ("response_types", ["code password"]),
    ("scope", "photos"),
    ("application_type", 5),
    ("logo_uri", "javascript:alert(1)"),
    ("client_name", "x" * 201),
    ("client_name", "Bank\u202eknaB"),
    ("default_max_age", -1),
    ("default_max_age", True),
    ("require_auth_time", "yes"),
    ("default_acr_values", "1"),
    ("initiate_login_uri", "http://client.example/login"),
    ("jwks_uri", "ftp://client.example/keys"),
    ("id_token_signed_response_alg", "none"),
    ("contacts", [5]),
    ("contacts", "ann@client.example"),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name}-{at}" for at, (name, _value) in enumerate(WRONG)])
def test_what_cannot_be_is_named(provider: Provider, name: str, value: Any) -> None:
    answer = ask(provider, **{name: value})
    assert answer.status == 400, answer.body
    expected = {"redirect_uris": "invalid_redirect_uri"}.get(name, "invalid_client_metadata")
    assert answer.error == expected
    described = answer.json["error_description"]
    assert f"{name}: " in described
    assert described.isascii()
    assert '"' not in described


@pytest.mark.parametrize(
    "value", [1, True, 1.5, {"a": 1}, [1], [["x"]], "text", ["x"], {"keys": [{"kty": 5}]}], ids=repr
)
@pytest.mark.parametrize(
    "name", ["jwks", "jwks_uri", "request_uris", "subject_type", "sector_identifier_uri", *TEXTS, *LISTS]
)
def test_no_type_of_json_makes_it_fail(provider: Provider, name: str, value: Any) -> None:
    assert ask(provider, **{name: value}).status in (201, 400)


@pytest.mark.parametrize("uri", ["obsidian://cb", "http://nas.lan:8080/cb", "http://[fd00::7]/cb"])
def test_an_operator_lets_more_redirect_uris_in(provider: Provider, create_application: Create, uri: str) -> None:
    fields = {"redirect_uris": [uri], "post_logout_redirect_uris": [uri]}
    for name in fields:
        refused = ask(provider, **{name: [uri]})
        assert refused.error in ("invalid_redirect_uri", "invalid_client_metadata")
        assert f"{name}: " in refused.json["error_description"]
    settings = {"OAUTH2_REDIRECT_SCHEMES": ["obsidian"], "OAUTH2_REDIRECT_HTTP_HOSTS": ["nas.lan", "[fd00::7]"]}
    said = Registration.create(Provider(create_application(**settings)), **fields).said
    assert {name: said[name] for name in fields} == fields


def test_the_schemes_of_well_known_editors_are_let_in_until_an_operator_says_otherwise(
    provider: Provider, create_application: Create
) -> None:
    uris = ["cursor://anysphere.cursor-mcp/oauth/callback", "vscode://x.y/z", "vscode-insiders://x.y/z"]
    assert Registration.create(provider, redirect_uris=uris).said["redirect_uris"] == uris
    without = Provider(create_application(OAUTH2_REDIRECT_SCHEMES=[]))
    for uri in uris:
        assert ask(without, redirect_uris=[uri]).error == "invalid_redirect_uri"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'{"a": 1, "a": 2}', "application/json"),
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b"{}", "text/plain"),
        (b"redirect_uris=x", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(provider: Provider, body: bytes, content_type: str) -> None:
    answer = provider.open("POST", REGISTER, data=body, content_type=content_type)
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_a_registration_has_a_limit(provider: Provider) -> None:
    answer = ask(provider, contacts=["x" * 2000] * 9)
    assert (answer.status, answer.error) == (413, "invalid_request")


def test_scripts_of_any_origin_may_register(provider: Provider) -> None:
    answer = provider.open("OPTIONS", REGISTER, headers=CORS)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_operator_decides_what_may_be_asked_for(create_application: Create) -> None:
    settings = {
        "OAUTH2_REGISTRATION_SCOPES": ["openid", "photos"],
        "OAUTH2_REGISTRATION_GRANT_TYPES": ["authorization_code", "client_credentials"],
        "OAUTH2_SCOPES": {"photos": "See your photos"},
    }
    provider = Provider(create_application(**settings))
    said = Registration.create(provider, grant_types=["client_credentials"], redirect_uris=[]).said
    assert set(said["scope"].split()) == {"openid", "photos"}
    said = Registration.create(provider, grant_types=["authorization_code", "refresh_token"]).said
    assert said["grant_types"] == ["authorization_code"]
    assert ask(provider, grant_types=["refresh_token"]).status == 400


# Strangers


def test_anybody_may_register_where_the_door_is_open(open_door: Provider) -> None:
    answer = send(open_door, "POST", REGISTER, {"redirect_uris": [REDIRECT_URI]})
    assert answer.status == 201
    assert ask(open_door, "gwia_wrong").status == 401


def test_people_are_warned_of_a_client_that_nobody_has_looked_at(open_door: Provider) -> None:
    stranger = send(open_door, "POST", REGISTER, {"redirect_uris": [REDIRECT_URI]}).json["client_id"]
    by_token = Registration.create(open_door).said["client_id"]
    person = Person(open_door.application.test_client())
    person.log_in("alice")
    warning = "Unverified app.</b> It registered itself"
    assert warning in person.ask(stranger, scope="profile", redirect_uri=REDIRECT_URI, **Pkce().parameters).text
    assert warning in person.ask(by_token, scope="profile", redirect_uri=REDIRECT_URI, **Pkce().parameters).text
    made_here = person.create_client()
    assert warning not in person.ask(made_here, scope="profile", **Pkce().parameters).text


def test_a_client_that_came_by_a_token_registered_itself_and_is_kept(open_door: Provider) -> None:
    registration = Registration.create(open_door)
    later = time.time() + 10 * open_door.server.settings.unused_client_seconds
    with time_machine.travel(later, tick=False):
        assert open_door.application.test_cli_runner().invoke(args=["prune"]).exit_code == 0
        client = open_door.server.clients.find(registration.said["client_id"])
    assert client is not None
    assert client.is_self_registered


def test_a_client_that_is_never_used_goes(open_door: Provider) -> None:
    def create(**document: Any) -> Registration:
        fields = {"redirect_uris": [REDIRECT_URI], **document}
        return Registration(open_door, send(open_door, "POST", REGISTER, fields).json)

    unused, used = create(), create()
    site = OpenIDClient.of(open_door, used.client)
    site.person.log_in("alice")
    site.get_tokens()
    # One that is told who somebody is, and gets no access token, is used too.
    told = create(response_types=["id_token"])
    assert OpenIDClient(open_door, told.client, site.person).allow("id_token").fragment["id_token"]
    later = time.time() + open_door.server.settings.unused_client_seconds + 61
    with time_machine.travel(later, tick=False):
        assert open_door.server.clients.find(unused.said["client_id"]) is None
        assert unused.read().status == 401
        result = open_door.application.test_cli_runner().invoke(args=["prune"])
        assert result.exit_code == 0, result.output
        assert open_door.server.clients.find_any(unused.said["client_id"]) is None
        assert (used.read().status, told.read().status) == (200, 200)


@pytest.mark.usefixtures("secure_transport_required")
def test_strangers_are_slowed_down(create_application: Create) -> None:
    settings = {**PRODUCTION, "OAUTH2_REGISTRATION": "open", "OAUTH2_RATE_LIMITS": {"register": 2}}
    provider = Provider(create_application(**settings))
    document = {"redirect_uris": [REDIRECT_URI]}
    assert [send(provider, "POST", REGISTER, document).status for _try in range(3)] == [201, 201, 429]


def test_it_is_on_record(provider: Provider) -> None:
    said = Registration.create(provider, client_name="On Record").said
    events = provider.server.audit.list(events=["client_created"], limit=200)
    assert any(event.detail["client_id"] == said["client_id"] for event in events)
