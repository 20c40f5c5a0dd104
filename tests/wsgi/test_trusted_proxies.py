"""What proxies report: the value that the outermost trusted one appended, whatever the client sent before it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.proxy_fix import ProxyFix

from website.wsgi.trusted_proxies import apply_forwarded_headers

SEEN = {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "HTTP_HOST": "127.0.0.1:8001", "SERVER_PORT": "8001"}
KEPT = ("REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
VALUES = st.lists(st.sampled_from(("192.0.2.1", "2001:db8::1", "https", "id.example:8443", "[::1]")), max_size=4)


def forwarded(**values: str) -> dict[str, Any]:
    return {**SEEN, **{f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in values.items()}}


@given(addresses=VALUES, schemes=VALUES, hosts=VALUES, proxies=st.integers(1, 3), comma=st.sampled_from((",", ", ")))
def test_headers_are_read_as_werkzeug_does(
    addresses: list[str], schemes: list[str], hosts: list[str], proxies: int, comma: str
) -> None:
    ours = forwarded(**{"for": comma.join(addresses)}, proto=comma.join(schemes), host=comma.join(hosts))
    theirs = dict(ours)
    ProxyFix(lambda _environ, _start: [], x_for=proxies, x_proto=proxies, x_host=proxies)(theirs, lambda *_all: None)  # type: ignore[arg-type, return-value]
    apply_forwarded_headers(ours, proxies)
    assert [ours.get(name) for name in KEPT] == [theirs.get(name) for name in KEPT]


@pytest.mark.parametrize("sent", ["198.51.100.7", '"', '"198.51.100.7', '", "', ",", ""])
def test_nothing_that_a_client_sends_hides_the_address_that_the_proxy_adds(sent: str) -> None:
    environ = forwarded(**{"for": f"{sent}, 192.0.2.1"})
    apply_forwarded_headers(environ, 1)
    assert environ["REMOTE_ADDR"] == "192.0.2.1"
