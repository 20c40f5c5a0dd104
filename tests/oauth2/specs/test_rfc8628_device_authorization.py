"""Devices at the protocol endpoints: asking for codes, polling, and redeeming what a person allowed, once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import time_machine

from tests.support.device_flow import (
    DEVICE_AUTHORIZATION,
    DEVICE_CODE,
    DEVICE_PAGE,
    allow,
    ask_for_code,
    create_device_client,
    decide,
    enter,
    page_of,
    poll,
    start_device,
)
from tests.support.embedding_host import Visitor, open_hosts
from tests.support.internet import open_internet
from tests.support.metadata_documents import DOCUMENT, URL, get_tokens
from tests.support.person import Person, Pkce
from tests.support.registering_client import ask as register
from tests.support.token_requests import PRODUCTION, MachineClient, Provider, open_provider
from website import clock
from website.grants.user_codes import ALPHABET, read_user_code

METADATA = "/.well-known/oauth-authorization-server"


@pytest.fixture
def client(stored_provider: Provider) -> MachineClient:
    return create_device_client(stored_provider)


@pytest.fixture
def person(stored_provider: Provider) -> Person:
    return log_in(stored_provider)


def log_in(provider: Provider, username: str = "alice") -> Person:
    person = Person(provider.application.test_client())
    assert person.log_in(username).status == 303
    return person


def age(provider: Provider, seconds: int, *columns: str) -> None:
    """Move moments of all device codes into the past."""
    changes = ", ".join(f"{column} = {column} - {seconds}" for column in columns)
    with provider.server.database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE oauth2_device_code SET {changes}")


def wait_for_poll(provider: Provider) -> None:
    age(provider, 600, "polled_at")


def redeem(provider: Provider, client: MachineClient, device_code: str, **fields: str) -> dict[str, Any]:
    answer = poll(provider, client, device_code, **fields)
    assert answer.status == 200, answer.body
    return answer.json


def assert_refused(provider: Provider, client: MachineClient, device_code: str, error: str, **fields: str) -> None:
    answer = poll(provider, client, device_code, **fields)
    assert (answer.status, answer.error) == (400, error), answer.body


# Asking for codes


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_a_device_gets_a_device_code_and_a_user_code(stored_provider: Provider, method: str) -> None:
    client = create_device_client(stored_provider, token_endpoint_auth_method=method)
    answer = ask_for_code(stored_provider, client, scope="profile")
    codes = answer.json
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    issuer = stored_provider.get(METADATA).json["issuer"]
    assert codes["verification_uri"] == issuer + DEVICE_PAGE
    assert codes["verification_uri_complete"] == issuer + page_of(codes["user_code"])
    assert (codes["expires_in"], codes["interval"]) == (600, 5)
    left, hyphen, right = codes["user_code"].partition("-")
    assert (len(left), hyphen, len(right)) == (4, "-", 4)
    assert set(left + right) <= set(ALPHABET)
    assert len(set(ALPHABET)) == 20
    assert not set(ALPHABET) & set("AEIOU")


def test_only_hashes_of_both_codes_are_stored(stored_provider: Provider, client: MachineClient) -> None:
    codes = start_device(stored_provider, client)
    stored = stored_provider.read_everything()
    assert codes["device_code"] not in stored
    assert read_user_code(codes["user_code"]) not in stored
    assert codes["user_code"] not in stored


def test_a_confidential_client_has_to_authenticate(stored_provider: Provider) -> None:
    client = create_device_client(stored_provider, token_endpoint_auth_method="client_secret_basic")
    for answer in (
        stored_provider.post(DEVICE_AUTHORIZATION, {"client_id": client.client_id}),
        stored_provider.post(DEVICE_AUTHORIZATION, {"client_id": client.client_id, "client_secret": "wrong"}),
        stored_provider.post(DEVICE_AUTHORIZATION, {"client_id": "nobody"}),
        stored_provider.post(DEVICE_AUTHORIZATION, {}),
    ):
        assert (answer.status, answer.error) == (401, "invalid_client")


def test_a_client_without_the_grant_gets_no_codes_and_no_tokens(stored_provider: Provider) -> None:
    client = stored_provider.create_client("password", token_endpoint_auth_method="none")
    for answer in (ask_for_code(stored_provider, client), poll(stored_provider, client, "whatever")):
        assert (answer.status, answer.error) == (400, "unauthorized_client")


def test_a_scope_that_the_client_may_not_have_is_refused_before_a_person_is_involved(
    stored_provider: Provider, client: MachineClient
) -> None:
    answer = ask_for_code(stored_provider, client, scope="profile openid")
    assert (answer.status, answer.error) == (400, "invalid_scope")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_codes_are_asked_for_by_post(stored_provider: Provider, method: str) -> None:
    assert stored_provider.open(method, DEVICE_AUTHORIZATION).status == 405


def test_parameters_in_the_query_or_twice_are_refused(stored_provider: Provider, client: MachineClient) -> None:
    in_query = stored_provider.post(f"{DEVICE_AUTHORIZATION}?client_id={client.client_id}", {})
    twice = stored_provider.post(DEVICE_AUTHORIZATION, [("scope", "profile"), ("scope", "photos")], client)
    assert [answer.error for answer in (in_query, twice)] == ["invalid_request"] * 2


def test_a_user_code_in_use_is_drawn_again(
    stored_provider: Provider, client: MachineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = iter("BCDFGHJKBCDFGHJKLMNPQRST")
    monkeypatch.setattr("secrets.choice", lambda _alphabet: next(letters))
    first, second = (start_device(stored_provider, client)["user_code"] for _ in range(2))
    assert (first, second) == ("BCDF-GHJK", "LMNP-QRST")
    age(stored_provider, 3600, "expires_at")


# Polling


def test_a_device_waits_until_a_person_allows_it_and_gets_tokens_once(
    stored_provider: Provider, client: MachineClient, person: Person
) -> None:
    codes = start_device(stored_provider, client, scope="profile")
    assert_refused(stored_provider, client, codes["device_code"], "authorization_pending")
    allow(person, codes["user_code"])
    wait_for_poll(stored_provider)
    tokens = redeem(stored_provider, client, codes["device_code"])
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert tokens["scope"] == "profile"
    assert stored_provider.get("/api/me", Authorization=f"Bearer {tokens['access_token']}").json["username"] == "alice"
    assert stored_provider.refresh(client, tokens["refresh_token"]).status == 200


def test_a_second_redemption_is_refused_and_ends_the_first_ones_tokens(
    stored_provider: Provider, client: MachineClient, person: Person
) -> None:
    codes = start_device(stored_provider, client)
    allow(person, codes["user_code"])
    tokens = redeem(stored_provider, client, codes["device_code"])
    assert_refused(stored_provider, client, codes["device_code"], "invalid_grant")
    assert stored_provider.get("/api/me", Authorization=f"Bearer {tokens['access_token']}").status == 401
    assert stored_provider.refresh(client, tokens["refresh_token"]).error == "invalid_grant"
    (event,) = stored_provider.server.audit.list(events=["device_code_replayed"], limit=1)
    assert (event.client, event.outcome) == (client.row, "refused")


@pytest.mark.usefixtures("stopped_clock")
def test_a_device_that_polls_too_often_waits_five_seconds_longer_each_time(
    stored_provider: Provider, client: MachineClient
) -> None:
    code = start_device(stored_provider, client)["device_code"]
    assert_refused(stored_provider, client, code, "authorization_pending")
    assert_refused(stored_provider, client, code, "slow_down")
    age(stored_provider, 8, "polled_at")
    assert_refused(stored_provider, client, code, "slow_down")  # 10 seconds by now
    age(stored_provider, 13, "polled_at")
    assert_refused(stored_provider, client, code, "slow_down")  # 15
    age(stored_provider, 20, "polled_at")
    assert_refused(stored_provider, client, code, "authorization_pending")


@pytest.mark.usefixtures("stopped_clock")
def test_polling_too_often_gives_no_tokens_though_the_device_is_allowed(
    stored_provider: Provider, client: MachineClient, person: Person
) -> None:
    codes = start_device(stored_provider, client)
    assert_refused(stored_provider, client, codes["device_code"], "authorization_pending")
    allow(person, codes["user_code"])
    assert_refused(stored_provider, client, codes["device_code"], "slow_down")
    wait_for_poll(stored_provider)
    redeem(stored_provider, client, codes["device_code"])


def test_a_denied_device_is_told_so(stored_provider: Provider, client: MachineClient, person: Person) -> None:
    codes = start_device(stored_provider, client)
    enter(person, codes["user_code"])
    decide(person, codes["user_code"], "no")
    for _ in range(2):
        assert_refused(stored_provider, client, codes["device_code"], "access_denied")
        wait_for_poll(stored_provider)


@pytest.mark.parametrize("is_allowed", [False, True])
def test_an_expired_code_gives_nothing(
    stored_provider: Provider, client: MachineClient, person: Person, is_allowed: bool
) -> None:
    codes = start_device(stored_provider, client)
    if is_allowed:
        allow(person, codes["user_code"])
    age(stored_provider, 600, "expires_at")
    assert_refused(stored_provider, client, codes["device_code"], "expired_token")
    assert enter(person, codes["user_code"]).status == (303 if is_allowed else 422)


def test_unknown_codes_and_those_of_other_clients_are_refused(
    stored_provider: Provider, client: MachineClient, person: Person
) -> None:
    codes = start_device(stored_provider, client)
    allow(person, codes["user_code"])
    other = create_device_client(stored_provider)
    assert_refused(stored_provider, other, codes["device_code"], "invalid_grant")
    assert_refused(stored_provider, client, "gwdc_unknown", "invalid_grant")
    assert_refused(stored_provider, client, codes["user_code"], "invalid_grant")
    assert_refused(stored_provider, client, "", "invalid_request")
    redeem(stored_provider, client, codes["device_code"])


@pytest.mark.parametrize(("sent", "is_right"), [(True, True), (False, False), ("other", False)])
def test_pkce_is_honoured_if_it_was_sent(
    stored_provider: Provider, client: MachineClient, person: Person, sent: bool | str, is_right: bool
) -> None:
    pkce = Pkce()
    codes = start_device(stored_provider, client, **pkce.parameters)
    allow(person, codes["user_code"])
    verifiers = {True: {"code_verifier": pkce.verifier}, False: {}, "other": {"code_verifier": Pkce().verifier}}
    if is_right:
        redeem(stored_provider, client, codes["device_code"], **verifiers[sent])
        return
    assert_refused(stored_provider, client, codes["device_code"], "invalid_grant", **verifiers[sent])
    wait_for_poll(stored_provider)
    assert_refused(stored_provider, client, codes["device_code"], "invalid_grant", code_verifier=pkce.verifier)


def test_a_malformed_challenge_is_refused_at_once(stored_provider: Provider, client: MachineClient) -> None:
    answer = ask_for_code(stored_provider, client, code_challenge="short", code_challenge_method="S256")
    assert (answer.status, answer.error) == (400, "invalid_request")


# What ends a code


def test_a_code_ends_with_what_it_is_for(stored_provider: Provider) -> None:
    server = stored_provider.server

    def sign_out_everywhere(person: Person, _client: MachineClient) -> None:
        page = person.get("/account/sessions/sign_out_everywhere")
        assert person.post("/account/sessions/sign_out_everywhere", page.hidden_fields()).status == 303

    def disconnect(_person: Person, client: MachineClient) -> None:
        (subject,) = (
            server.database.engine.connect()
            .exec_driver_sql(f"SELECT subject FROM oauth2_device_code WHERE client = '{client.row}'")
            .one()
        )
        server.grants.consents.revoke(subject, client.row)

    def disable_client(_person: Person, client: MachineClient) -> None:
        server.clients.set_disabled(client.row, True)
        server.clients.set_disabled(client.row, False)

    for end in (sign_out_everywhere, disconnect, disable_client):
        client, person = create_device_client(stored_provider), log_in(stored_provider)
        codes = start_device(stored_provider, client)
        allow(person, codes["user_code"])
        end(person, client)
        assert_refused(stored_provider, client, codes["device_code"], "invalid_grant")


def test_a_disabled_account_gets_no_tokens(stored_provider: Provider, client: MachineClient) -> None:
    name = "disabled while a device waits"
    person = log_in(stored_provider, name)
    codes = start_device(stored_provider, client)
    allow(person, codes["user_code"])
    users = stored_provider.server.users
    users.disable(int(users.find_by_name(name).id))
    assert_refused(stored_provider, client, codes["device_code"], "invalid_grant")


def test_a_scope_that_the_client_loses_meanwhile_is_not_granted(
    stored_provider: Provider, client: MachineClient, person: Person
) -> None:
    codes = start_device(stored_provider, client, scope="profile photos")
    allow(person, codes["user_code"])
    stored_provider.server.clients.update(client.row, {"scope": "profile"})
    assert redeem(stored_provider, client, codes["device_code"])["scope"] == "profile"


@pytest.mark.parametrize(
    ("metadata", "policy", "lasts"),
    [
        ({}, {}, True),
        ({"redirect_uris": ["https://tv.example/cb"]}, {}, True),
        ({}, {"ends_with_login": True}, False),
        (
            {"frontchannel_logout_uri": "https://tv.example/logout", "redirect_uris": ["https://tv.example/cb"]},
            {},
            False,
        ),
    ],
)
def test_a_device_stays_connected_after_logout_unless_it_shall_not(
    stored_provider: Provider, metadata: dict[str, Any], policy: dict[str, Any], lasts: bool
) -> None:
    client = create_device_client(stored_provider, scope="openid profile", policy=policy, **metadata)
    person = log_in(stored_provider)
    for logs_out_first in (False, True):
        codes = start_device(stored_provider, client, scope="openid profile")
        assert enter(person, codes["user_code"]).status == 303
        assert ("stays connected" in person.get(page_of(codes["user_code"])).text) == lasts
        decide(person, codes["user_code"])
        if logs_out_first:
            person.log_out()
            answer = poll(stored_provider, client, codes["device_code"])
            assert (answer.status == 200) == lasts
            continue
        tokens = redeem(stored_provider, client, codes["device_code"])
        assert "id_token" in tokens
        person.log_out()
        assert (stored_provider.refresh(client, tokens["refresh_token"]).status == 200) == lasts
        person = log_in(stored_provider)


# Around it


def test_the_endpoint_and_the_grant_are_advertised(provider: Provider) -> None:
    document = provider.get(METADATA).json
    assert document["device_authorization_endpoint"] == document["issuer"] + DEVICE_AUTHORIZATION
    assert DEVICE_CODE in document["grant_types_supported"]


def test_switched_off_nothing_of_it_is_left(tmp_path: Path) -> None:
    settings = {"OAUTH2_SPECS": {"rfc8628_device_authorization": False}}
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **settings) as provider:
        assert "device" not in provider.get(METADATA).body.decode()
        assert provider.post(DEVICE_AUTHORIZATION, {}).status == 404
        client = provider.create_client("password")
        assert poll(provider, client, "whatever").error == "unsupported_grant_type"
        person = log_in(provider)
        assert person.get(DEVICE_PAGE).status == 404
        assert person.get(page_of("BCDF-GHJK")).status == 404
        assert "device_code" not in person.get("/create_client").text


@pytest.mark.usefixtures("stopped_clock")
def test_lifetime_and_interval_are_settings(tmp_path: Path) -> None:
    settings = {"OAUTH2_DEVICE_CODE_SECONDS": 300, "OAUTH2_DEVICE_CODE_INTERVAL_SECONDS": 10}
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **settings) as provider:
        client = create_device_client(provider)
        codes = start_device(provider, client)
        assert (codes["expires_in"], codes["interval"]) == (300, 10)
        assert_refused(provider, client, codes["device_code"], "authorization_pending")
        age(provider, 8, "polled_at")
        assert_refused(provider, client, codes["device_code"], "slow_down")


def test_codes_that_are_over_are_pruned_and_deleted_by_the_next_device(provider: Provider) -> None:
    client = create_device_client(provider)
    started = clock.now()
    start_device(provider, client)
    # Other tests' codes may be from a time that is still ahead.
    over = f"SELECT count(*) FROM oauth2_device_code WHERE expires_at < {started + 700}"
    with provider.server.database.engine.connect() as connection:
        assert connection.exec_driver_sql(over).scalar() != 0
    with time_machine.travel(started + 1300, tick=False):
        start_device(provider, client)
    with provider.server.database.engine.connect() as connection:
        assert connection.exec_driver_sql(over).scalar() == 0


# Where it runs


def test_clients_register_for_it_only_where_the_operator_lists_it(tmp_path: Path) -> None:
    listed = {"OAUTH2_REGISTRATION_GRANT_TYPES": [DEVICE_CODE, "refresh_token"]}
    document = {
        "grant_types": [DEVICE_CODE, "refresh_token"],
        "redirect_uris": [],
        "token_endpoint_auth_method": "none",
    }
    for number, settings in enumerate(({}, listed)):
        folder = tmp_path / str(number)
        folder.mkdir()
        with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **settings) as provider:
            answer = register(provider, **document)
            assert answer.status == (201 if settings else 400), answer.body
            if not settings:
                continue
            client = MachineClient(answer.json["client_id"], None, "", "none")
            codes = start_device(provider, client)
            person = log_in(provider)
            enter(person, codes["user_code"])
            page = person.get(page_of(codes["user_code"]))
            assert "Unverified app." in page.text
            assert "It stays connected after you log out." in page.text
            decide(person, codes["user_code"])
            redeem(provider, client, codes["device_code"])


def test_in_an_embedding_application_the_hosts_login_counts_and_members_are_asked(tmp_path: Path) -> None:
    with open_hosts(f"sqlite:///{tmp_path}/db.sqlite", tmp_path) as create:
        host = create()
        owner, visitor = Visitor(host.app.test_client()), Visitor(host.app.test_client())
        browser = visitor.below()
        assert browser.get(DEVICE_PAGE).location.startswith("/login?")
        owner.log_in()
        visitor.log_in("m2")
        kind = {
            "grant_type": DEVICE_CODE,
            "redirect_uri": "",
            "response_type": "",
            "token_endpoint_auth_method": "none",
        }
        client_id = owner.create_client(**kind).client_id

        def start() -> dict[str, Any]:
            asked = browser.post(DEVICE_AUTHORIZATION, {"client_id": client_id})
            codes: dict[str, Any] = json.loads(asked.text)
            assert codes["verification_uri"] == "http://localhost/sso/device"
            assert enter(browser, codes["user_code"]).location.startswith("/sso/device?")
            decide(browser, codes["user_code"])
            return codes

        def redeem_at_host(codes: dict[str, Any]) -> int:
            fields = {"client_id": client_id, "grant_type": DEVICE_CODE, "device_code": codes["device_code"]}
            return browser.post("/oauth/token", fields).status

        assert redeem_at_host(start()) == 200
        waiting = start()
        host.change("m2", is_active=False)
        assert redeem_at_host(waiting) == 400


@pytest.mark.usefixtures("secure_transport_required")
def test_devices_that_wait_are_counted_by_their_codes_and_new_ones_by_their_address(tmp_path: Path) -> None:
    limits = {"OAUTH2_RATE_LIMITS": {"token": 2, "device": 3}}
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **{**PRODUCTION, **limits}) as provider:
        client = create_device_client(provider)
        codes = [start_device(provider, client)["device_code"] for _ in range(3)]
        assert ask_for_code(provider, client).status == 429
        for _ in range(2):
            assert [poll(provider, client, code).error for code in codes] == ["authorization_pending"] * 3
            wait_for_poll(provider)
        assert poll(provider, client, codes[0]).status == 429
        # What is refused or opens nothing is counted by its address.
        assert [poll(provider, client, "gwdc_wrong").status for _ in range(2)] == [400, 429]


def test_the_page_names_the_host_of_a_clients_metadata_document(tmp_path: Path) -> None:
    document = {**DOCUMENT, "grant_types": [*DOCUMENT["grant_types"], DEVICE_CODE]}
    grants = {"OAUTH2_REGISTRATION_GRANT_TYPES": document["grant_types"]}
    with open_internet(tmp_path, "app.example") as internet:
        internet.publish(document)
        settings = {"OAUTH2_OUTBOUND_CA": str(internet.certificate), **grants}
        with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **settings) as provider:
            person, client = log_in(provider), MachineClient(URL, None, "", "none")
            get_tokens(provider.application, person)  # before that, the server doesn't know the document
            codes = start_device(provider, client, scope="profile")
            enter(person, codes["user_code"])
            page = person.get(page_of(codes["user_code"])).text
            assert "Its details are published by app.example" in page
            decide(person, codes["user_code"])
            redeem(provider, client, codes["device_code"])
