"""Client authentication: one method a request, the registered one; no answer tells why it failed; secrets at rest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.token_requests import INTROSPECT, PRODUCTION, REVOKE, TOKEN, Answer, Provider, basic, open_provider

ENDPOINTS = [TOKEN, REVOKE, INTROSPECT]
METHODS = ["client_secret_basic", "client_secret_post", "none"]
FIELDS = {"grant_type": "client_credentials", "token": "x"}


def assert_refused(answer: Answer) -> None:
    assert (answer.status, answer.error) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", METHODS)
def test_client_authenticates_by_its_registered_method(provider: Provider, path: str, method: str) -> None:
    client = provider.create_client(token_endpoint_auth_method=method)
    answer = provider.post(path, FIELDS, client)
    if path == INTROSPECT and method == "none":
        assert_refused(answer)
    else:
        assert answer.status == 200


@pytest.mark.parametrize("path", ENDPOINTS)
def test_client_cannot_authenticate_by_another_method(provider: Provider, path: str) -> None:
    by_basic = provider.create_client()
    by_post = provider.create_client(token_endpoint_auth_method="client_secret_post")
    body = {"client_id": by_basic.client_id, "client_secret": by_basic.secret}
    assert_refused(provider.post(path, {**FIELDS, **body}))
    assert_refused(provider.post(path, FIELDS, Authorization=by_post.basic))


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_confidential_client_never_passes_as_a_public_one(provider: Provider, path: str, method: str) -> None:
    client = provider.create_client(token_endpoint_auth_method=method)
    assert_refused(provider.post(path, {**FIELDS, "client_id": client.client_id}))
    assert_refused(provider.post(path, {**FIELDS, "client_id": client.client_id, "client_secret": ""}))


@pytest.mark.parametrize("secret", ["", "x", "None", "null"])
def test_public_client_cannot_bring_a_secret(provider: Provider, secret: str) -> None:
    client = provider.create_client("password", token_endpoint_auth_method="none")
    assert_refused(provider.post(TOKEN, FIELDS, Authorization=basic(client.client_id, secret)))
    if secret:
        assert_refused(provider.post(TOKEN, {**FIELDS, "client_id": client.client_id, "client_secret": secret}))


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("secret", ["right", "wrong"])
def test_two_methods_in_one_request_are_refused(provider: Provider, path: str, secret: str) -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        client = provider.create_client(token_endpoint_auth_method=method)
        body = {"client_id": client.client_id, "client_secret": client.secret if secret == "right" else "wrong"}
        answer = provider.post(path, {**FIELDS, **body}, Authorization=client.basic)
        assert (answer.status, answer.error) == (400, "invalid_request")


def test_the_body_may_repeat_the_client_id_of_the_header(provider: Provider) -> None:
    client = provider.create_client()
    assert provider.post(TOKEN, {**FIELDS, "client_id": client.client_id}, client).status == 200


def test_the_body_may_not_name_another_client_than_the_header(provider: Provider) -> None:
    client, other = provider.create_client(), provider.create_client()
    answer = provider.post(TOKEN, {**FIELDS, "client_id": other.client_id}, client)
    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_unknown_client_and_wrong_secret_get_the_same_answer(provider: Provider, path: str) -> None:
    client, public = provider.create_client(), provider.create_client(token_endpoint_auth_method="none")
    secret = client.secret or ""
    answers = [
        provider.post(path, FIELDS, Authorization=basic("nobody", secret)),
        provider.post(path, FIELDS, Authorization=basic(client.client_id, "wrong")),
        provider.post(path, FIELDS, Authorization=basic(client.client_id, "")),
        provider.post(path, FIELDS, Authorization=basic(public.client_id, "")),
        provider.post(path, FIELDS, Authorization="Basic !"),
        provider.post(path, FIELDS, Authorization="Bearer x"),
        provider.post(path, {**FIELDS, "client_id": "nobody", "client_secret": secret}),
        provider.post(path, {**FIELDS, "client_id": "nobody"}),
        provider.post(path, {**FIELDS, "client_id": client.client_id}),
        provider.post(path, FIELDS),
    ]
    for answer in answers:
        assert_refused(answer)
    told = {
        (answer.body, str(sorted((n, v) for n, v in answer.headers.items() if n != "X-Request-Id")))
        for answer in answers
    }
    assert len(told) == 1


def test_the_demo_says_how_a_right_secret_was_to_be_sent_and_production_does_not(
    provider: Provider, tmp_path: Path
) -> None:
    for method, used in (("client_secret_basic", "client_secret_post"), ("client_secret_post", "client_secret_basic")):
        client = provider.create_client(token_endpoint_auth_method=method)
        sent = {"client_id": client.client_id, "client_secret": client.secret or ""}
        answer = (
            provider.post(TOKEN, {**FIELDS, **sent})
            if used == "client_secret_post"
            else provider.post(TOKEN, FIELDS, Authorization=client.basic)
        )
        assert answer.status == 401
        assert (
            answer.json["error_description"] == f"This client must authenticate with {method}; the request used {used}."
        )
    with open_provider(tmp_path, f"sqlite:///{tmp_path}/db.sqlite", **PRODUCTION) as production:
        client = production.create_client()
        sent = {"client_id": client.client_id, "client_secret": client.secret or ""}
        told = production.post(TOKEN, {**FIELDS, **sent}).json["error_description"]
        assert told == "Client authentication failed."


def test_a_secret_works_for_its_own_client_only(provider: Provider) -> None:
    client, other = provider.create_client(), provider.create_client()
    assert_refused(provider.post(TOKEN, FIELDS, Authorization=basic(client.client_id, other.secret or "")))


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda s: s + " ", lambda s: s[:-1], lambda s: s[5:]])
def test_a_secret_is_compared_to_the_byte(provider: Provider, change: Callable[[str], str]) -> None:
    client = provider.create_client()
    changed = change(client.secret or "")
    assert_refused(provider.post(TOKEN, FIELDS, Authorization=basic(client.client_id, changed)))


def test_basic_credentials_are_form_encoded(provider: Provider) -> None:
    client = provider.create_client()
    encoded = "".join(f"%{byte:02X}" for byte in (client.secret or "").encode())
    assert provider.post(TOKEN, FIELDS, Authorization=basic(client.client_id, encoded)).status == 200


@pytest.mark.parametrize("scheme", ["basic", "BASIC"])
def test_the_scheme_of_basic_is_read_in_any_case(provider: Provider, scheme: str) -> None:
    header = scheme + provider.create_client().basic[5:]
    assert provider.post(TOKEN, FIELDS, Authorization=header).status == 200


def test_a_method_that_is_not_offered_does_not_authenticate(provider: Provider) -> None:
    client = provider.create_client()
    assert_refused(provider.post(TOKEN, {**FIELDS, "client_id": client.client_id, "jkt": "x.y.z"}))


def encoded(raw: bytes) -> bytes:
    return b"Basic " + base64.b64encode(raw)


BASIC_HEADERS = st.one_of(
    st.binary(max_size=60).map(encoded),
    st.binary(max_size=60).map(lambda raw: b"Basic " + raw),
    st.binary(max_size=60),
    st.text(max_size=40).map(lambda text: encoded(text.encode("utf-8", "surrogatepass"))),
    st.text(alphabet="%Zz0:\0+ \u00e9=", max_size=40).map(lambda text: encoded(text.encode())),
)
MALFORMED = [
    b"Basic",
    b"Basic ",
    b"Basic  ",
    b"Basic !!!!",
    b"Basic YQ",
    b"Basic YQ==",
    b"Basic Og==",
    encoded(b"\xff\xfe:\x80"),
    encoded(b"a\0b:c\0d"),
    encoded(b"%ZZ:%ZZ"),
    encoded(b"%FF:%FF"),
    encoded(b"%00:%00"),
    encoded(b"%ED%A0%80:x"),
    encoded("ü:ü".encode()),
    encoded("ü:ü".encode("latin-1")),
    encoded(b"a" * 6000 + b":" + b"b" * 6000),
    encoded(b":" * 50),
    b"Basic \xc3\xbc",
    b"Digest username=x",
    b"\x80",
]


def send_header(provider: Provider, raw: bytes) -> Answer:
    overrides = {"HTTP_AUTHORIZATION": raw.decode("latin-1")}
    return provider.open("POST", TOKEN, data={"grant_type": "client_credentials"}, environ_overrides=overrides)


@pytest.mark.parametrize("raw", MALFORMED)
def test_malformed_basic_credentials_are_refused(stored_provider: Provider, raw: bytes) -> None:
    assert_refused(send_header(stored_provider, raw))


@given(raw=BASIC_HEADERS)
@settings(max_examples=150)
def test_no_bytes_of_an_authorization_header_break_the_server(provider: Provider, raw: bytes) -> None:
    assert send_header(provider, raw).status in (400, 401)


@given(client_id=st.text(max_size=40), client_secret=st.text(min_size=1, max_size=40))
@settings(max_examples=100)
def test_no_credentials_in_a_body_break_the_server(provider: Provider, client_id: str, client_secret: str) -> None:
    fields = {
        **FIELDS,
        "client_id": client_id.encode("utf-8", "surrogatepass"),
        "client_secret": client_secret.encode("utf-8", "surrogatepass"),
    }
    assert provider.post(TOKEN, fields).status in (400, 401)  # type: ignore[arg-type]


def test_a_client_whose_secret_is_missing_is_refused(provider: Provider) -> None:
    client = provider.create_client()
    with provider.server.database.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM oauth2_client_secret WHERE client = ?", (client.row,))
    provider.server.cache_invalidation.forget()
    for secret in (client.secret or "", "", "None"):
        assert_refused(provider.post(TOKEN, FIELDS, Authorization=basic(client.client_id, secret)))


def test_disabled_client_is_refused_and_its_tokens_are_dead(provider: Provider) -> None:
    client = provider.create_client()
    api = provider.create_client()
    token = provider.get_token(client)["access_token"]
    metadata = {"client_name": "x", "grant_types": ["client_credentials"], "scope": "profile"}
    provider.server.clients.update(
        client.row, {**metadata, "token_endpoint_auth_method": "client_secret_basic"}, disabled_at=1
    )
    assert_refused(provider.ask_token(client))
    assert not provider.is_active(api, token)


# Secrets at rest


def test_secrets_are_random_and_long(provider: Provider) -> None:
    secrets = {provider.create_client().secret or "" for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        prefix, _underscore, rest = secret.partition("_")
        assert prefix == "gwcs"
        assert len(base64.urlsafe_b64decode(rest + "=")) * 8 >= 256


def test_secrets_are_stored_as_hashes_only(stored_provider: Provider) -> None:
    client = stored_provider.create_client()
    stored = stored_provider.read_everything()
    secret = client.secret or ""
    assert client.client_id in stored
    assert hashlib.sha256(secret.encode()).hexdigest() in stored
    for part in (secret, secret[5:], secret[5:25], base64.b64encode(secret.encode()).decode()):
        assert part not in stored


def test_a_former_secret_works_until_the_overlap_ends(provider: Provider) -> None:
    client = provider.create_client()
    with time_machine.travel(1_900_000_000, tick=False) as moment:
        fresh = provider.server.clients.rotate_secret(client.row, 3600)
        headers = [basic(client.client_id, client.secret or ""), basic(client.client_id, fresh)]
        assert [provider.post(TOKEN, FIELDS, Authorization=header).status for header in headers] == [200, 200]
        moment.shift(3599)
        assert [provider.post(TOKEN, FIELDS, Authorization=header).status for header in headers] == [200, 200]
        moment.shift(1)
        assert [provider.post(TOKEN, FIELDS, Authorization=header).status for header in headers] == [401, 200]
    assert fresh not in provider.read_everything()


def test_a_second_rotation_does_not_prolong_the_first_secret(provider: Provider) -> None:
    client = provider.create_client()
    with time_machine.travel(1_900_000_000, tick=False) as moment:
        provider.server.clients.rotate_secret(client.row, 100)
        moment.shift(60)
        provider.server.clients.rotate_secret(client.row, 100)
        moment.shift(40)
        assert_refused(provider.ask_token(client))


def test_rotation_without_overlap_ends_the_former_secret_at_once(provider: Provider) -> None:
    client = provider.create_client()
    assert provider.ask_token(client).status == 200
    provider.server.clients.rotate_secret(client.row, 0)
    assert_refused(provider.ask_token(client))


def test_however_often_a_secret_is_renewed_five_work_side_by_side(stored_provider: Provider) -> None:
    """Each one more would make every wrong try of a stranger cost more."""
    client, clients = stored_provider.create_client(), stored_provider.server.clients
    secrets = [client.secret or "", *(clients.rotate_secret(client.row, 3600) for _ in range(12))]
    statuses = [
        stored_provider.post(TOKEN, FIELDS, Authorization=basic(client.client_id, secret)).status for secret in secrets
    ]
    assert statuses == [401] * 8 + [200] * 5
    assert len(clients.list_secrets(client.row)) == 5


def test_a_renewal_in_the_same_second_ends_no_newer_secret_before_an_older_one(stored_provider: Provider) -> None:
    client, clients = stored_provider.create_client(), stored_provider.server.clients
    with time_machine.travel(1_900_000_000, tick=False):
        secrets = [clients.rotate_secret(client.row, overlap) for overlap in (100, 5000, 60, 3600, 3600, 10, 3600)]
        newest = basic(client.client_id, secrets[-1])
        assert stored_provider.post(TOKEN, FIELDS, Authorization=newest).status == 200
        former = basic(client.client_id, secrets[-2])
        assert stored_provider.post(TOKEN, FIELDS, Authorization=former).status == 200
