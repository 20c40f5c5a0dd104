"""Redirect URIs: what may be registered (A4)."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.person import Person
from website.redirect_uris import find_problem, host_of, is_loopback_or_private

GOOD = [
    "https://client.example/cb", "https://client.example:8443/cb?x=1", "http://127.0.0.1/cb", "http://127.0.0.1:8000/cb",
    "http://[::1]:8000/cb", "http://localhost:3000/cb", "com.example.app:/cb", "com.example.app://cb",
]  # fmt: skip
BAD = [
    "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x",
    "https://client.example/cb#fragment", "https://client.example/#", "http://client.example/cb", "http://evil",
    "https://*.example/cb", "https://user@client.example/cb", "https://user:pw@client.example/cb", "https:///cb",
    "myapp:/cb", "myapp://cb", "/cb", "//client.example/cb", "client.example/cb", "", " ", "https://client.example/a b",
    "https://client.example/\u00e9", "https://client.example\\cb", "https://client.example/\t", "https://client.example:x/",
    "https://[::1", "http://localhost:80@evil.example/", "http://localhost.evil.example/", "https://client.example/<x>",
    "https://client.example/" + "x" * 2048, "view-source:https://x", "about:blank",
]  # fmt: skip


@pytest.mark.parametrize("uri", GOOD)
def test_what_a_client_needs_can_be_registered(uri: str) -> None:
    assert find_problem(uri) is None


@pytest.mark.parametrize("uri", BAD)
def test_what_cannot_be_registered_is_refused(uri: str) -> None:
    assert find_problem(uri)


def test_the_page_refuses_them_and_keeps_what_was_typed(application: Flask) -> None:
    person = Person(application.test_client())
    person.log_in()
    form = person.get("/create_client").hidden_fields()
    fields = {
        **form,
        "client_name": "Typed Name",
        "redirect_uri": "javascript:alert(1)",
        "grant_type": "authorization_code",
        "response_type": "code",
        "token_endpoint_auth_method": "client_secret_basic",
    }
    answer = person.post("/create_client", fields)
    assert answer.status == 422
    assert "Typed Name" in answer.text
    assert "javascript:alert(1)" in answer.text
    assert 'href="javascript' not in answer.text


@pytest.mark.parametrize(
    ("uri", "host", "is_weak"),
    [
        ("https://client.example/cb", "client.example", False),
        ("http://127.0.0.1:8000/cb", "127.0.0.1:8000", True),
        ("com.example.app:/cb", "com.example.app: (an app on this device)", True),
    ],
)
def test_a_person_reads_where_they_are_sent(uri: str, host: str, is_weak: bool) -> None:
    assert host_of(uri) == host
    assert is_loopback_or_private(uri) is is_weak
