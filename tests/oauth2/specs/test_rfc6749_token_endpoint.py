"""The token endpoint: how strictly a request is read, and what every answer has in common."""

from __future__ import annotations

import pytest

from tests.support.token_requests import FORM, INTROSPECT, REVOKE, TOKEN, Provider

ENDPOINTS = [TOKEN, REVOKE, INTROSPECT]


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_only_post_is_answered(provider: Provider, path: str, method: str) -> None:
    answer = provider.open(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == "OPTIONS, POST"
    assert answer.headers["Cache-Control"] == "no-store"
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert answer.error == "invalid_request"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_options_names_the_methods(provider: Provider, path: str) -> None:
    answer = provider.open("OPTIONS", path)
    assert (answer.status, answer.headers["Allow"], answer.body) == (204, "OPTIONS, POST", b"")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("query", ["client_secret=x", "client_id=x", "grant_type=client_credentials", "a"])
def test_parameters_in_the_query_are_refused(provider: Provider, path: str, query: str) -> None:
    client = provider.create_client()
    token = provider.get_token(client)["access_token"]
    answer = provider.post(f"{path}?{query}", {"grant_type": "client_credentials", "token": token}, client)
    assert (answer.status, answer.error) == (400, "invalid_request")
    assert provider.is_active(client, token)


def test_credentials_in_the_query_do_not_authenticate(provider: Provider) -> None:
    client = provider.create_client(token_endpoint_auth_method="client_secret_post")
    query = f"client_id={client.client_id}&client_secret={client.secret}"
    answer = provider.post(f"{TOKEN}?{query}", {"grant_type": "client_credentials"})
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_a_token_response_says_all_and_is_not_kept_by_caches(provider: Provider) -> None:
    answer = provider.ask_token(provider.create_client())
    assert answer.status == 200
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json["token_type"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert int(answer.headers["Content-Length"]) == len(answer.body)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("authenticated", [True, False])
def test_no_answer_is_kept_by_caches(provider: Provider, path: str, authenticated: bool) -> None:
    client = provider.create_client() if authenticated else None
    answer = provider.post(path, {"grant_type": "client_credentials", "token": "x"}, client)
    assert answer.status == (200 if authenticated else 401)
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_access_token_lives_ten_minutes(provider: Provider) -> None:
    client = provider.create_client()
    response = provider.get_token(client)
    said = provider.introspect(client, response["access_token"])
    assert response["expires_in"] == 600
    assert said["exp"] - said["iat"] == 600


def test_multipart_is_taken_at_the_token_endpoint(provider: Provider) -> None:
    client = provider.create_client(token_endpoint_auth_method="client_secret_post")
    fields = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret}
    answer = provider.open("POST", TOKEN, data=fields, content_type="multipart/form-data")
    assert answer.status == 200


@pytest.mark.parametrize("path", [REVOKE, INTROSPECT])
def test_multipart_is_refused_elsewhere(provider: Provider, path: str) -> None:
    headers = {"Authorization": provider.create_client().basic}
    answer = provider.open("POST", path, data={"token": "x"}, content_type="multipart/form-data", headers=headers)
    assert (answer.status, answer.error) == (400, "invalid_request")


MULTIPART = "multipart/form-data; boundary=b"
NAMELESS = b"--b\r\nContent-Disposition: form-data\r\n\r\nclient_credentials\r\n--b--\r\n"
FILE = b'--b\r\nContent-Disposition: form-data; name="grant_type"; filename="f"\r\n\r\nclient_credentials\r\n--b--\r\n'
TWICE = b'--b\r\nContent-Disposition: form-data; name="scope"\r\n\r\nprofile\r\n' * 2 + b"--b--\r\n"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"grant_type": "client_credentials"}'),
        ("text/plain", b"grant_type=client_credentials"),
        ("", b"grant_type=client_credentials"),
        ("application/x-www-form-urlencoded2", b"grant_type=client_credentials"),
        ("multipart/form-data", b"grant_type=client_credentials"),
        (MULTIPART, NAMELESS),
        ("multipart/form-data; boundary=", FILE),
        (MULTIPART, b"--b"),
        (MULTIPART, b"not a part"),
        (MULTIPART, b"--b\r\n\r\n--b--"),
        (MULTIPART, FILE),
        (MULTIPART, TWICE),
        (FORM, b""),
        (FORM, b"grant_type="),
        (FORM, b"grant_type=client_credentials&\xff"),
        (FORM, b"grant_type=client_credentials&scope=%ff"),
        (FORM, b"grant_type=client_credentials&scope=%ed%a0%80"),
        (FORM, b"grant_type=client_credentials&scope=a%00"),
        (FORM, b"grant_type=client_credentials&scope=a%0d%0aSet-Cookie:b"),
        (FORM, b"grant_type=client_credentials&scope=a%1b[2J"),
    ],
)
def test_a_malformed_body_is_refused(provider: Provider, content_type: str, body: bytes) -> None:
    headers = {"Authorization": provider.create_client().basic}
    answer = provider.open("POST", TOKEN, data=body, content_type=content_type, headers=headers)
    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded; charset=UTF-8", FORM.upper()])
def test_a_form_is_recognised_by_its_media_type_alone(provider: Provider, content_type: str) -> None:
    headers = {"Authorization": provider.create_client().basic}
    body = b"grant_type=client_credentials"
    assert provider.open("POST", TOKEN, data=body, content_type=content_type, headers=headers).status == 200


@pytest.mark.parametrize(
    ("path", "name"),
    [(TOKEN, name) for name in ("grant_type", "scope", "username", "refresh_token", "code", "nonsense", "")]
    + [(REVOKE, name) for name in ("token", "token_type_hint")]
    + [(INTROSPECT, name) for name in ("token", "token_type_hint")],
)
@pytest.mark.parametrize("second", ["same", "other", ""])
def test_a_parameter_given_twice_is_refused(provider: Provider, path: str, name: str, second: str) -> None:
    client = provider.create_client()
    token = provider.get_token(client)["access_token"]
    fields = {"grant_type": "client_credentials", "token": token}
    first = fields.pop(name, "x")
    answer = provider.post(
        path, [*fields.items(), (name, first), (name, first if second == "same" else second)], client
    )
    assert (answer.status, answer.error) == (400, "invalid_request")
    assert provider.is_active(client, token)


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
def test_credentials_given_twice_are_refused(provider: Provider, name: str) -> None:
    client = provider.create_client(token_endpoint_auth_method="client_secret_post")
    twice = client.credentials[0][name]
    answer = provider.post(TOKEN, {"grant_type": "client_credentials", name: twice}, client)
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_the_resource_parameter_may_repeat(provider: Provider) -> None:
    fields = [
        ("grant_type", "client_credentials"),
        ("resource", "http://localhost:8001"),
        ("resource", "http://localhost:8002"),
    ]
    assert provider.post(TOKEN, fields, provider.create_client()).status == 200


def test_unknown_parameters_are_ignored(provider: Provider) -> None:
    assert provider.ask_token(provider.create_client(), nonsense="x", redirect_uri="javascript:").status == 200


def test_a_parameter_without_value_is_as_good_as_omitted(provider: Provider) -> None:
    assert provider.get_token(provider.create_client(), scope="")["scope"] == "profile photos"


def test_a_request_without_grant_type_is_refused(provider: Provider) -> None:
    answer = provider.post(TOKEN, {"scope": "profile"}, provider.create_client())
    assert (answer.status, answer.error) == (400, "invalid_request")


@pytest.mark.parametrize(
    "grant_type", ["implicit", "nonsense", "CLIENT_CREDENTIALS", "client_credentials ", "<b>\u00e9"]
)
def test_an_unknown_grant_type_is_refused_without_repeating_it(provider: Provider, grant_type: str) -> None:
    answer = provider.ask_token(provider.create_client(), grant_type)
    assert (answer.status, answer.error) == (400, "unsupported_grant_type")
    assert grant_type not in answer.json["error_description"]


GRANT_FIELDS = {
    "authorization_code": {"code": "x"},
    "client_credentials": {},
    "password": {"username": "alice", "password": "valid"},
    "refresh_token": {"refresh_token": "x"},
}


@pytest.mark.parametrize("asked", GRANT_FIELDS)
@pytest.mark.parametrize("registered", [*GRANT_FIELDS, "implicit"])
def test_a_grant_type_that_the_client_did_not_register_is_refused(
    provider: Provider, asked: str, registered: str
) -> None:
    provider.create_user()
    answer = provider.ask_token(provider.create_client(registered), asked, **GRANT_FIELDS[asked])
    if asked != registered:
        assert (answer.status, answer.error) == (400, "unauthorized_client")
    else:
        assert answer.status == 200 or answer.error == "invalid_grant"


def test_a_client_without_registered_grant_types_gets_nothing(provider: Provider) -> None:
    client = provider.create_client(grant_types=[])
    for grant_type, fields in GRANT_FIELDS.items():
        assert provider.ask_token(client, grant_type, **fields).error == "unauthorized_client"


def test_a_body_above_the_limit_is_refused(provider: Provider) -> None:
    client = provider.create_client()
    for size, status in ((60_000, 400), (70_000, 413)):
        answer = provider.ask_token(client, padding="x" * size)
        assert (answer.status, answer.error) == (status, "invalid_request")


def test_a_multipart_body_above_the_limit_is_refused(provider: Provider) -> None:
    fields = {"grant_type": "client_credentials", "padding": "x" * 70_000}
    answer = provider.open("POST", TOKEN, data=fields, content_type="multipart/form-data")
    assert answer.status == 413


@pytest.mark.parametrize("content_type", [FORM, "multipart/form-data"])
def test_a_form_of_too_many_fields_is_refused(provider: Provider, content_type: str) -> None:
    fields = {"grant_type": "client_credentials"} | {f"f{number}": "x" for number in range(100)}
    headers = {"Authorization": provider.create_client().basic}
    assert provider.open("POST", TOKEN, data=fields, content_type=content_type, headers=headers).status == 413
    fields.pop("f0")
    assert provider.open("POST", TOKEN, data=fields, content_type=content_type, headers=headers).status == 200


def test_a_body_that_ends_early_is_refused(provider: Provider) -> None:
    answer = provider.open(
        "POST",
        TOKEN,
        data=b"grant_type=client_credentials",
        content_type=FORM,
        headers={"Authorization": provider.create_client().basic},
        environ_overrides={"CONTENT_LENGTH": "300"},
    )
    assert (answer.status, answer.error) == (400, "invalid_request")
