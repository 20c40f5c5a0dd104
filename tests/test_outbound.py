"""What this server fetches for a client, from real servers on this machine, and what it refuses to reach."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from urllib3.util import connection

from tests.support.certificates import make_certificate
from tests.support.raw_servers import Serve, hang, served
from tests.support.waiting import ANSWER_SECONDS, seconds, wait_until
from website import outbound, outbound_slots
from website.outbound import Outbound
from website.outbound_errors import OutboundError
from website.settings import Settings

JWKS = b'{"keys": []}'
#: By the resolver that checks addresses; or before, where a host is written as no name or address is.
REFUSED = ("AntiSSRFError", "it is not an https URL")


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *(headers or ("Content-Type: application/json",))]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def say(data: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return serve


def drip(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: ")
    for _ in range(3000):
        connection.sendall(b"x")
        time.sleep(0.05)


@pytest.fixture
def settings() -> Settings:
    return replace(Settings(), demo=True, outbound_loopback=True)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that a test can wait for."""
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 0.5)


@pytest.fixture
def a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline within which a test can ask other hosts, on a busy machine too."""
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 3.0)


def reason(settings: Settings, url: str) -> str:
    with pytest.raises(OutboundError) as refused:
        Outbound(settings).fetch(url)
    return str(refused.value)


# What is fetched


def test_a_document_is_fetched(settings: Settings) -> None:
    with served(say(answer(JWKS, "Content-Type: application/json; charset=utf-8"))) as port:
        assert Outbound(settings).fetch(f"http://127.0.0.1:{port}/jwks") == JWKS


def test_over_tls_the_certificate_is_judged_by_name(settings: Settings, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "DNS:localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    trusting = replace(settings, demo=False, outbound_ca=str(certificate))
    with served(say(answer(JWKS)), context) as port:
        assert Outbound(trusting).fetch(f"https://localhost:{port}/jwks") == JWKS
        assert reason(trusting, f"https://127.0.0.1:{port}/jwks") == "SSLError"
        assert reason(settings, f"https://localhost:{port}/jwks") == "SSLError"


def test_a_form_is_posted(settings: Settings) -> None:
    heard = []

    def serve(connection: socket.socket) -> None:
        text = b""
        while not text.endswith(b"a%2Bb") and (more := connection.recv(65536)):
            text += more  # headers and body may come one after the other
        heard.append(text)
        connection.sendall(answer(b"", status="204 No Content"))

    with served(serve) as port:
        assert Outbound(settings).post_form(f"http://127.0.0.1:{port}/out", {"logout_token": "a+b"}) == 204
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert body == b"logout_token=a%2Bb"
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()


def test_nothing_of_the_environment_goes_along(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(answer(JWKS))

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with served(serve) as port:
        Outbound(settings).fetch(f"http://127.0.0.1:{port}/")
    assert b"authorization" not in heard[0].lower()
    assert b"x-forwarded-for" not in heard[0].lower()


# What is refused


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(b"", "Location: https://elsewhere.example/", status="302 Found"), "it returned 302"),
        (answer(b"{}", status="500 Internal Server Error"), "it returned 500"),
        (answer(JWKS, "Content-Type: text/html"), "its content type is not one of application/json"),
        (answer(JWKS, "X: y"), "its content type is not one of application/json"),
        (answer(b" " * (64 * 1024 + 1)), "the response is longer than 65536 bytes"),
        (answer(gzip.compress(b" " * 10_000_000), "Content-Encoding: gzip"), "the response is compressed"),
        (b"not HTTP at all\r\n\r\n", "ConnectionError"),
        (b"", "ConnectionError"),
    ],
)
def test_an_answer_that_does_not_do_is_refused(settings: Settings, said: bytes, why: str) -> None:
    with served(say(said)) as port:
        assert reason(settings, f"http://127.0.0.1:{port}/").startswith(why)


@pytest.mark.parametrize("serve", [drip, hang])
@pytest.mark.usefixtures("quick")
def test_one_deadline_holds_for_the_whole_however_slowly_bytes_come(settings: Settings, serve: Serve) -> None:
    with served(serve) as port:
        began = time.monotonic()
        assert reason(settings, f"http://127.0.0.1:{port}/").startswith("no response within")
        assert time.monotonic() - began < seconds(60)
    for thread in threading.enumerate():
        if thread.name == "outbound":
            thread.join(ANSWER_SECONDS)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0.0.0.0", "[::1]", "[::]", "localhost",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fe80::1]", "[fc00::1]", "10.0.0.1",
        "172.16.0.1", "192.168.1.1", "169.254.169.254", "[fd00:ec2::254]", "100.64.0.1", "100.100.100.200", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "[2002:7f00:1::]", "[ff02::1]",
        "[::ffff:0:127.0.0.1]", "[::ffff:0:10.0.0.1]", "[::127.0.0.1]", "[::2:0:0:1]", "[1fff::1]", "[4000::1]",
        "[8000::1]", "[200::1]",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("quick")
def test_no_address_of_an_inner_network_is_reached(host: str) -> None:
    with served(say(answer(JWKS))) as port:
        assert reason(replace(Settings(), demo=False), f"https://{host}:{port}/") in REFUSED


def test_the_public_addresses_of_both_kinds_are_tried(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def connect(address: tuple[str, int], *_arguments: object, **_named: object) -> socket.socket:
        tried.append(address[0])
        raise OSError

    monkeypatch.setattr(connection, "create_connection", connect)
    public = ["93.184.216.34", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "3ffe::1", "2a00::1"]
    for address in public:
        host = f"[{address}]" if ":" in address else address
        assert reason(replace(Settings(), demo=False), f"https://{host}/") == "ConnectionError"
    assert tried == public


def test_a_name_that_changes_its_address_is_reached_where_it_was_looked_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []
    real = socket.getaddrinfo

    def flip(host: str, *args: object, **kwargs: object) -> object:
        looked_up.append(host)
        if host == "flip.example":
            address = "127.0.0.1" if looked_up.count(host) > 1 else "93.184.216.34"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]
        return real(host, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", flip)
    monkeypatch.setattr(outbound, "DEADLINE_SECONDS", 0.5)
    with served(say(answer(JWKS))) as port, pytest.raises(OutboundError):
        Outbound(replace(settings, outbound_loopback=False)).fetch(f"https://flip.example:{port}/")
    assert looked_up.count("flip.example") == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "ftp://example.org/", "file:///etc/passwd", "https://", "https:///x", "gopher://x/", "",
        "https://exa mple.org/", "https://example.org:99999/",
    ],
)  # fmt: skip
def test_only_https_is_spoken(url: str) -> None:
    assert reason(replace(Settings(), demo=False), url) == "it is not an https URL"


def test_plain_http_is_for_the_demo(settings: Settings) -> None:
    assert reason(replace(settings, demo=False), "http://127.0.0.1:1/") == "it is not an https URL"


# What it costs


def test_what_failed_is_not_asked_again_at_once(settings: Settings) -> None:
    asked = []

    def serve(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        connection.sendall(answer(b"", status="503 Service Unavailable"))

    out = Outbound(settings)
    with served(serve) as port:
        for why in ("it returned 503", "it failed a moment ago"):
            with pytest.raises(OutboundError, match=why):
                out.fetch(f"http://127.0.0.1:{port}/")
        with pytest.raises(OutboundError, match="it returned 503"):
            out.fetch(f"http://127.0.0.1:{port}/other")
    assert len(asked) == 2


def test_what_failed_as_one_thing_is_still_fetched_as_another(settings: Settings) -> None:
    """A client cannot stop the keys of another one by naming their address as its logo."""
    out = Outbound(settings)
    with served(say(answer(JWKS))) as port:
        url = f"http://127.0.0.1:{port}/jwks"
        for types in (("image/png",), ("application/jwt",)):
            with pytest.raises(OutboundError, match="content type"):
                out.fetch(url, types)
        assert out.fetch(url) == JWKS


def say_late(connection: socket.socket) -> None:
    connection.recv(65536)
    time.sleep(0.3)
    connection.sendall(answer(JWKS))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server to which an answer is slow after a fifth of a second."""
    monkeypatch.setattr(outbound_slots, "SLOW_SECONDS", 0.2)


def outcome_of(out: Outbound, url: str) -> str:
    try:
        return out.fetch(url).decode()
    except OutboundError as error:
        return str(error).partition(" within")[0]


def fetch_at_once(out: Outbound, urls: list[str]) -> list[threading.Thread]:
    threads = [threading.Thread(target=outcome_of, args=(out, url)) for url in urls]
    for thread in threads:
        thread.start()
    while len(out._fetches._under_way) < len({url.rpartition(":")[0] for url in urls}):
        time.sleep(0.005)
    return threads


@pytest.mark.usefixtures("impatient")
def test_a_host_that_answered_slowly_is_left_alone_whatever_the_port_or_path(settings: Settings) -> None:
    out = Outbound(settings)
    with (
        served(say_late) as slow,
        served(say(answer(JWKS))) as other,
        served(say(answer(JWKS)), host="127.0.0.2") as far,
    ):
        assert outcome_of(out, f"http://127.0.0.1:{slow}/") == JWKS.decode()
        for url in (f"http://127.0.0.1:{slow}/", f"http://127.0.0.1:{slow}/x", f"http://127.0.0.1:{other}/"):
            assert outcome_of(out, url) == "its host was slow recently"
        assert outcome_of(out, f"http://127.0.0.2:{far}/") == JWKS.decode()


@pytest.mark.usefixtures("quick")
def test_a_host_holds_one_thread_whatever_the_port(settings: Settings) -> None:
    out = Outbound(settings)
    with served(hang) as first, served(hang) as second, served(say(answer(JWKS)), host="127.0.0.2") as quick:
        threads = fetch_at_once(out, [f"http://127.0.0.1:{first}/"])
        for url in (f"http://127.0.0.1:{first}/x", f"http://127.0.0.1:{second}/"):
            assert outcome_of(out, url) == "too many requests are in progress"
        assert outcome_of(out, f"http://127.0.0.2:{quick}/") == JWKS.decode()
        for thread in threads:
            thread.join()


@pytest.mark.usefixtures("a_while")
def test_slow_hosts_of_strangers_leave_half_of_the_threads_to_hosts_that_were_quick(settings: Settings) -> None:
    out = Outbound(settings)
    with contextlib.ExitStack() as stack:
        good = [
            f"http://127.0.1.{n}:{stack.enter_context(served(say(answer(JWKS)), host=f'127.0.1.{n}'))}/" for n in (1, 2)
        ]
        slow = [f"http://127.0.0.{n}:{stack.enter_context(served(hang, host=f'127.0.0.{n}'))}/" for n in range(1, 9)]
        assert [outcome_of(out, url) for url in good] == [JWKS.decode()] * 2
        threads = fetch_at_once(out, slow[:2])
        assert [outcome_of(out, url) for url in slow[2:]] == ["too many requests are in progress"] * 6
        assert [outcome_of(out, url) for url in good] == [JWKS.decode()] * 2
        for thread in threads:
            thread.join()
        # It was not for them: each is asked as soon as there is room.
        wait_until(lambda: outcome_of(out, slow[5]) == "no response")


@pytest.mark.usefixtures("a_while")
def test_waiting_for_documents_holds_no_more_threads_than_the_setting_says(settings: Settings) -> None:
    out = Outbound(replace(settings, outbound_fetches=1))
    with served(hang) as slow, served(say(answer(JWKS)), host="127.0.0.2") as quick:
        assert outcome_of(out, f"http://127.0.0.2:{quick}/") == JWKS.decode()
        threads = fetch_at_once(out, [f"http://127.0.0.1:{slow}/"])
        assert outcome_of(out, f"http://127.0.0.2:{quick}/") == "too many requests are in progress"
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_host_header_has_the_port(settings: Settings, host: str) -> None:
    heard = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536).lower())
        connection.sendall(answer(JWKS))

    name = f"[{host}]" if ":" in host else host
    with served(serve, host=host) as port:
        Outbound(settings).fetch(f"http://{name}:{port}/jwks")
        Outbound(settings).post_form(f"http://{name}:{port}/out", {"a": "b"})
    for head in heard:
        assert f"\r\nhost: {name}:{port}\r\n".encode() in head
        assert head.count(b"\r\nhost:") == 1
