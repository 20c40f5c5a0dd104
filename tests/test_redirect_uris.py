"""Redirect URIs: what may be registered (A4)."""

from __future__ import annotations

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.support.person import Person
from website.hosts import is_host, is_private_host
from website.redirect_uris import (
    RedirectRules,
    find_problem,
    host_of,
    is_loopback_or_private,
    is_web_address,
    origin_of,
)

GOOD = [
    "https://client.example/cb", "https://client.example:8443/cb?x=1", "http://127.0.0.1/cb", "http://127.0.0.1:8000/cb",
    "http://[::1]:8000/cb", "http://localhost:3000/cb", "com.example.app:/cb", "com.example.app://cb",
    "https://xn--bcher-kva.example/cb", "https://client.example./cb", "https://192.0.2.7/cb", "https://[2001:db8::7]/cb",
    "https://a-b.example/cb", "https://CLIENT.example/cb", "https://3com.example/cb", "https://localhost/cb",
    "http://localhost/cb?x=1",
]  # fmt: skip
BAD = [
    "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x",
    "https://client.example/cb#fragment", "https://client.example/#", "http://client.example/cb", "http://evil",
    "https://*.example/cb", "https://user@client.example/cb", "https://user:pw@client.example/cb", "https:///cb",
    "myapp:/cb", "myapp://cb", "/cb", "//client.example/cb", "client.example/cb", "", " ", "https://client.example/a b",
    "https://client.example/\u00e9", "https://client.example\\cb", "https://client.example/\t", "https://client.example:x/",
    "https://[::1", "http://localhost:80@evil.example/", "http://localhost.evil.example/", "https://client.example/<x>",
    "https://client.example/" + "x" * 2048, "view-source:https://x", "about:blank",
    # Hosts that are none: they would be written into headers and pages (L1).
    "https://zz.example,frame-src/cb", "https://zz.example;sandbox/cb", "https://zz.example'unsafe-inline'/cb",
    "https://(zz.example)/cb", "https://zz$.example/cb", "https://zz_.example/cb", "https://-zz.example/cb",
    "https://zz..example/cb", "https://.example/cb", "https://zz.example%2Eevil/cb", "https://[::1%25eth0]/cb",
    "https://[v1.fe]/cb", "https://[1.2.3.4]/cb", "https://1.2.3/cb", "https://0x7f000001/cb", "https://2130706433/cb",
    "https://127.0.0.01/cb", "https://" + "a" * 64 + ".example/cb", "https://" + "abc." * 64 + "example/cb",
    "http://nas.lan/cb", "cursor://x/cb", "https://client.example:99999/cb",
]  # fmt: skip


@pytest.mark.parametrize("uri", GOOD)
def test_what_a_client_needs_can_be_registered(uri: str) -> None:
    assert find_problem(uri) == ""


@pytest.mark.parametrize(
    "uri", ["localhost:5000/callback", "127.0.0.1:5000/callback", "LOCALHOST:5000", "example.com:8443/cb"]
)
def test_a_url_without_http_is_told_how_to_begin(uri: str) -> None:
    assert find_problem(uri) == "Begin it with http:// or https://."


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
        ("http://127.0.0.1:8000/cb", "127.0.0.1:8000 (an app on this computer)", True),
        ("http://localhost/cb", "localhost (an app on this computer)", True),
        ("https://client.example:8443/cb", "client.example:8443", False),
        # What follows the scheme of an app is no host, and must not look like one.
        ("com.example.app://bank.example/cb", "com.example.app: (an app on this device)", True),
        ("cursor://bank.example/cb", "cursor: (an app on this device)", True),
        ("com.example.app:/cb", "com.example.app: (an app on this device)", True),
    ],
)
def test_a_person_reads_where_they_are_sent(uri: str, host: str, is_weak: bool) -> None:
    assert host_of(uri) == host
    assert is_loopback_or_private(uri) is is_weak


RULES = RedirectRules(frozenset(["cursor", "audiobookshelf"]), frozenset(["nas.lan", "192.168.1.20", "fd00::7"]))


@pytest.mark.parametrize(
    "uri",
    ["cursor://anysphere.cursor-mcp/oauth/callback", "audiobookshelf://oauth", "http://nas.lan:8080/cb",
     "http://192.168.1.20/cb", "http://[fd00::7]/cb", "http://NAS.lan/cb"],
)  # fmt: skip
def test_what_the_operator_lets_in_can_be_registered(uri: str) -> None:
    assert find_problem(uri)
    assert find_problem(uri, RULES) == ""


@pytest.mark.parametrize(
    "uri", ["obsidian://x", "http://other.lan/cb", "http://nas.lan.evil.example/cb", "http://x@nas.lan/cb", "exp://x"]
)
def test_and_nothing_beside_it(uri: str) -> None:
    assert find_problem(uri, RULES)


def test_a_refused_scheme_names_the_way_out() -> None:
    said = find_problem("obsidian://x", RULES)
    assert "com.example.app:/callback" in said
    assert "OAUTH2_REDIRECT_SCHEMES" in said


@pytest.mark.parametrize("uri", [uri for uri in BAD if uri.startswith("http")])
def test_no_origin_comes_out_of_what_is_no_host(uri: str) -> None:
    """A registration from before hosts were checked may still be in the database."""
    origin = origin_of(uri)
    assert origin is None or set(origin) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.:/[]")


@pytest.mark.parametrize(
    "url",
    ["https://zz.example,x/", "https://bank.example@evil.example/", "https://zz;x/", "ftp://x.example/", "https://"],
)
def test_no_page_links_to_what_is_no_host(url: str) -> None:
    assert not is_web_address(url)


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.0.1", "172.16.0.1", "fd00::1", "fe80::1", "nas", "nas.lan"])
def test_a_private_host_may_be_one(host: str) -> None:
    assert is_private_host(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111", "0.0.0.0", "nas.lan:80", "*.lan", "nas/x", "", "1.2.3"])
def test_a_public_address_is_no_private_host(host: str) -> None:
    assert not is_private_host(host)


@given(st.text(max_size=80))
def test_no_text_makes_the_grammar_fail(text: str) -> None:
    assert is_host(text) in (True, False)
    for uri in (text, f"https://{text}", f"http://{text}/cb", f"{text}:/cb", f"https://[{text}]/"):
        find_problem(uri, RULES)
        host_of(uri)
        origin_of(uri)
        is_web_address(uri)
