"""Logs: one JSON object a line, whatever a request carries, and no query in it (P1, P3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
import requests
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.live_server import LiveServer
from tests.support.token_requests import INTROSPECT, basic
from tests.support.waiting import ANSWER_SECONDS
from website.access_log import access_log, write_access_line
from website.logs import get_logger

ODD = quote('a\n{"event": "forged"}')


@settings(max_examples=100)
@given(path=st.text(max_size=60), method=st.text(max_size=10), address=st.text(max_size=20))
def test_no_request_can_forge_a_log_line(
    capsys: pytest.CaptureFixture[str], path: str, method: str, address: str
) -> None:
    write_access_line(method, path, 200, 5, address, "id")
    access_log.write_waiting()
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert written.isascii()
    assert json.loads(written)["path"] == path
    assert "\x1b" not in written


def test_what_the_application_logs_is_json_too(application: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("test").warning("line one\nline two \x1b[31m", field="a\r\nb")
    for line in capsys.readouterr().err.strip().splitlines():
        json.loads(line)


@pytest.mark.parametrize("kind", ["flask", "granian", "gunicorn"])
def test_a_server_logs_paths_without_queries(live_server: Callable[..., LiveServer], kind: str) -> None:
    server = live_server(kind)
    secret = "S3cret-in-the-query"
    requests.get(f"{server.url}/?access_token={secret}", timeout=ANSWER_SECONDS)
    requests.get(f"{server.url}/nothing/{ODD}?code={secret}", timeout=ANSWER_SECONDS)
    requests.post(f"{server.url}/oauth/token?client_secret={secret}", data={"code": secret}, timeout=ANSWER_SECONDS)
    server.end()
    assert secret not in server.log
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith('{"event":"request"')]
    assert {(line["method"], line["path"]) for line in lines} >= {("GET", "/"), ("POST", "/oauth/token")}


def test_debug_logging_prints_no_token(live_server: Callable[..., LiveServer]) -> None:
    server = live_server("flask", {"OAUTH2_LOG_LEVEL": "DEBUG"})
    answer = requests.post(
        f"{server.url}/oauth/token",
        data={"grant_type": "password", "username": "x", "password": "hunter2-hunter2"},
        auth=("client", "gwcs_secret-secret"),
        timeout=ANSWER_SECONDS,
    )
    assert answer.status_code == 401
    server.end()
    assert "hunter2" not in server.log
    assert "gwcs_" not in server.log


def test_the_log_says_why_a_client_was_not_authenticated_and_the_answer_does_not(
    live_server: Callable[..., LiveServer],
) -> None:
    server = live_server("flask")
    create = ("clients", "create", "--json", "--redirect-uri", "https://client.example/cb")
    confidential = json.loads(server.run_command(*create, "--auth-method", "client_secret_basic", "Confidential"))
    public = json.loads(server.run_command(*create, "--auth-method", "none", "Public"))
    by_post = {name: confidential[name] for name in ("client_id", "client_secret")}
    tries: dict[str, tuple[dict[str, str], str]] = {
        "wrong or expired secret": ({}, basic(confidential["client_id"], "wrong")),
        "used client_secret_post, registered client_secret_basic": (by_post, ""),
        "it has no secret": ({}, basic(public["client_id"], "")),
        "none is not accepted at this endpoint": ({"client_id": public["client_id"]}, ""),
        "unknown or disabled client_id": ({"client_id": "n0-such-cl1ent-0f-0urs"}, ""),
        "no client_id": ({}, ""),
        "a malformed Authorization header": ({}, "Basic !"),
        "unsupported scheme in the Authorization header": ({}, "Bearer x"),
    }
    answers = {}
    for reason, (fields, header) in tries.items():
        headers = {"Authorization": header} if header else {}
        answers[reason] = requests.post(
            f"{server.url}{INTROSPECT}", data=fields, headers=headers, timeout=ANSWER_SECONDS
        )
        assert answers[reason].json()["error"] == "invalid_client"
        assert reason not in answers[reason].text
    server.end()
    lines = [json.loads(line) for line in server.log.splitlines() if "client authentication failed" in line]
    assert {line["reason"]: line["request_id"] for line in lines} == {
        reason: answer.headers["X-Request-Id"] for reason, answer in answers.items()
    }
    assert lines[0]["client_id"] == confidential["client_id"]
    assert "n0-such" not in server.log


def test_every_answer_names_its_request(client: object) -> None:
    answers = [client.get(path) for path in ("/", "/oauth/jwks", "/nothing")]  # type: ignore[attr-defined]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == 3
