"""What is turned away at the door: plain http, strangers at the demo, forged hosts, endless addresses (N1, N6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.token_requests import PRODUCTION, Provider

HTML = {"Accept": "text/html,application/xhtml+xml"}
WELL_KNOWN = "/.well-known/oauth-authorization-server"


@pytest.mark.usefixtures("secure_transport_required")
def test_plain_http_gets_a_page_and_an_error_that_say_what_to_set(application: Flask) -> None:
    door = application.test_client()
    page = door.get("/", headers=HTML)
    assert page.status_code == 400
    assert "AUTHLIB_INSECURE_TRANSPORT=1" in page.text
    assert page.mimetype == "text/html"
    answer = door.post("/oauth/token", headers=HTML)
    assert answer.get_json()["error"] == "insecure_transport"
    assert "AUTHLIB_INSECURE_TRANSPORT=1" in answer.get_json()["error_description"]


@pytest.mark.usefixtures("secure_transport_required")
def test_https_needs_no_setting(application: Flask) -> None:
    assert application.test_client().get("/", base_url="https://localhost", headers=HTML).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "localhost", "[::1]", "LOCALHOST"])
def test_the_demo_answers_this_machine(client: FlaskClient, host: str) -> None:
    answer = client.get(WELL_KNOWN, headers={"Host": host})
    assert answer.status_code == 200
    assert answer.get_json()["issuer"] == f"http://{host}"


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "127.0.0.2", "x:80",
     "localhost:5000@evil.example", "localhost:x", "127.0.0.1:80:80", ""],
)  # fmt: skip
def test_the_demo_answers_no_other_host(client: FlaskClient, host: str) -> None:
    for path in ("/", WELL_KNOWN):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "evil" not in answer.text


def test_the_demo_answers_no_other_peer(client: FlaskClient) -> None:
    for peer in ("192.0.2.1", "127.0.0.2", "::ffff:127.0.0.1", ""):
        assert client.get("/", environ_overrides={"REMOTE_ADDR": peer}).status_code == 403


def test_no_forwarded_header_is_believed_without_a_trusted_proxy(client: FlaskClient) -> None:
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example;proto=https",
        "X-Original-URL": "/evil",
    }
    answer = client.get(WELL_KNOWN, headers=forged)
    assert answer.get_json()["issuer"] == "http://localhost"
    assert "evil" not in answer.text


@pytest.mark.usefixtures("secure_transport_required")
def test_production_has_one_issuer_whatever_the_host(create_application: Callable[..., Flask]) -> None:
    provider = Provider(create_application(**PRODUCTION, OAUTH2_TRUSTED_PROXIES=1))
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}):
        answer = provider.open("GET", WELL_KNOWN, headers=headers)
        assert answer.json["issuer"] == "https://id.example"
        assert b"evil" not in answer.body


@pytest.mark.usefixtures("secure_transport_required")
def test_https_at_the_edge_is_believed_from_as_many_proxies_as_are_trusted(
    create_application: Callable[..., Flask],
) -> None:
    def status(trusted: int, **headers: str) -> int:
        app = create_application(initdb=trusted == 1, **PRODUCTION, OAUTH2_TRUSTED_PROXIES=trusted)
        answer = app.test_client().get(WELL_KNOWN, base_url="http://id.example", headers=headers)
        return int(answer.status_code)

    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "id.example", "X-Forwarded-For": "192.0.2.1"}
    assert status(1, **forwarded) == 200
    assert status(0, **forwarded) == 400


@pytest.mark.parametrize("path", ["/" + "x" * 3000, "/oauth/authorize?" + "x" * 20_000])
def test_an_endless_address_is_refused(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 414


def test_the_body_limit_holds_on_both_doors(client: FlaskClient) -> None:
    large: dict[str, Any] = {"data": {"username": "x" * 70_000}}
    assert client.post("/oauth/token", **large).status_code == 413
    assert client.post("/", **large).status_code == 413
    many = {"data": {f"field{number}": "x" for number in range(101)}}
    assert client.post("/oauth/token", **many).status_code == 413
    assert client.post("/", **many).status_code == 413


@pytest.mark.usefixtures("secure_transport_required")
@pytest.mark.parametrize("scheme", ["HTTPS", "Https", "hTTps", "https"])
def test_a_proxy_may_write_the_scheme_in_any_case(create_application: Callable[..., Flask], scheme: str) -> None:
    app = create_application(**PRODUCTION, OAUTH2_TRUSTED_PROXIES=1)
    headers = {"X-Forwarded-Proto": scheme, "Accept": "text/html"}
    assert app.test_client().get("/", base_url="http://id.example", headers=headers).status_code == 200


@pytest.mark.usefixtures("secure_transport_required")
@pytest.mark.parametrize(
    ("trusted", "came", "said"),
    [
        (1, "https, http", "came with 2 values, and OAUTH2_TRUSTED_PROXIES is 1"),
        (1, "https,https,http", "came with 3 values, and OAUTH2_TRUSTED_PROXIES is 1"),
        (2, "https", "came with 1 value, and OAUTH2_TRUSTED_PROXIES is 2"),
        (0, "https", "came with 1 value, and OAUTH2_TRUSTED_PROXIES is 0"),
        (1, "http", "set OAUTH2_TRUSTED_PROXIES to the number of proxies"),
        (1, "", "set OAUTH2_TRUSTED_PROXIES to the number of proxies"),
    ],
)
def test_a_refusal_of_plain_http_names_the_count_of_proxies_that_does_not_fit(
    create_application: Callable[..., Flask], trusted: int, came: str, said: str
) -> None:
    app = create_application(**PRODUCTION, OAUTH2_TRUSTED_PROXIES=trusted)
    headers = {"X-Forwarded-Proto": came} if came else {}
    answer = app.test_client().get(WELL_KNOWN, base_url="http://id.example", headers=headers)
    assert answer.status_code == 400
    assert said in answer.get_json()["error_description"]
