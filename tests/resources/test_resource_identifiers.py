"""Which identifiers an API may have, and which requests they match."""

from __future__ import annotations

import pytest

from website.resources.resource_identifiers import find_problem, is_same_place, matching_key


@pytest.mark.parametrize(
    "identifier",
    [
        "https://api.example",
        "https://api.example/",
        "https://api.example:8443/photos?tenant=7",
        "https://192.0.2.7/",
        "https://[2001:db8::7]/mcp",
        "https://API.example/Photos",
    ],
)
def test_an_https_url_can_be_registered(identifier: str) -> None:
    assert find_problem(identifier, allows_loopback=False) == ""


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "api.example",
        "//api.example",
        "https:///photos",
        "https://api.example#part",
        "https://api.example/#",
        "https://alice@api.example",
        "https://alice:secret@api.example",
        "https://*.example",
        "https://api.example:99999999",
        "https://api.example:port",
        "https://api.example/a b",
        "https://api.example/\u00e9",
        "https://api.example\\@other.example",
        "https://api.example/\0",
        "urn:example:api",
        "ftp://api.example",
        "javascript:alert(1)",
        "https://api.example/" + "x" * 2048,
        "http://api.example",
        "http://192.0.2.7",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://2130706433",
    ],
)
def test_nothing_else_can_be_registered(identifier: str) -> None:
    assert find_problem(identifier, allows_loopback=True)


@pytest.mark.parametrize("identifier", ["http://127.0.0.1:8000/mcp", "http://localhost:3000", "http://[::1]/"])
def test_plain_http_is_for_this_computer_in_the_demo(identifier: str) -> None:
    assert find_problem(identifier, allows_loopback=True) == ""
    assert find_problem(identifier, allows_loopback=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://api.example", "https://api.example/"),
        ("https://api.example", "HTTPS://API.Example"),
        ("https://api.example", "https://api.example:443/"),
        ("https://api.example/mcp", "https://api.example/mcp/"),
        ("http://localhost:80/mcp", "http://LOCALHOST/mcp/"),
        ("https://[2001:DB8::7]/", "https://[2001:db8::7]"),
    ],
)
def test_scheme_host_default_port_and_one_final_slash_make_no_difference(one: str, other: str) -> None:
    assert matching_key(one) == matching_key(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://api.example/mcp", "https://api.example/MCP"),
        ("https://api.example/mcp", "https://api.example/mcp//"),
        ("https://api.example/a/../mcp", "https://api.example/mcp"),
        ("https://api.example/%6dcp", "https://api.example/mcp"),
        ("https://api.example/?next=/", "https://api.example/?next="),
        ("https://api.example/?", "https://api.example/mcp"),
        ("https://api.example:8443", "https://api.example"),
        ("https://api.example:80", "https://api.example"),
        ("http://127.0.0.1", "http://localhost"),
        ("https://api.example.", "https://api.example"),
    ],
)
def test_every_other_difference_counts(one: str, other: str) -> None:
    assert matching_key(one) != matching_key(other)


def test_the_names_of_this_computer_are_the_same_server() -> None:
    assert is_same_place("http://localhost:5000/", "http://127.0.0.1:5000")
    assert is_same_place("http://[::1]:5000", "http://127.0.0.1:5000")
    assert not is_same_place("http://localhost:8000", "http://127.0.0.1:5000")
    assert not is_same_place("http://localhost:5000/mcp", "http://127.0.0.1:5000")
    assert is_same_place("https://ID.example/", "https://id.example")
    assert not is_same_place("https://loopback", "https://localhost")
