"""How a request is read off a real socket: chunked, multipart, cut short, endless; the same under every server."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from authlib.oauth2.rfc6749 import InvalidRequestError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.live_server import KINDS, Kind, LiveServer, server_environment, start_server
from tests.support.ports import reserve_port
from tests.support.token_requests import FORM, INTROSPECT, REVOKE, SCOPES, TOKEN, MachineClient, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS
from website.oauth2.form_encoding import MAX_KEPT_CHARACTERS, parse_pairs

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\nclient_credentials\r\n'
    b'--b\r\nContent-Disposition: form-data; name="scope"\r\n\r\nphotos\r\n--b--\r\n'
)


@dataclass
class Wire:
    """A running server, spoken to byte by byte, and a client of its."""

    server: LiveServer
    client: MachineClient

    def exchange(self, *parts: bytes, half_close: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Send the bytes; return status, headers and body of the answer. Status 0: hung up without one."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=ANSWER_SECONDS) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
                answer = http.client.HTTPResponse(connection, method=parts[0].partition(b" ")[0].decode())
                answer.begin()
                headers = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, headers, answer.read()
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                return 0, {}, b""

    def post(
        self, body: bytes, *headers: str, kind: str = FORM, half_close: bool = False, path: str = TOKEN
    ) -> tuple[int, dict[str, str], bytes]:
        head = "\r\n".join(
            [
                f"POST {path} HTTP/1.1",
                f"Host: 127.0.0.1:{self.server.port}",
                "Connection: close",
                f"Authorization: {self.client.basic}",
                f"Content-Type: {kind}",
                *headers,
            ]
        )
        return self.exchange(head.encode() + b"\r\n\r\n", body, half_close=half_close)


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.fixture(scope="module", params=KINDS)
def wire(request: pytest.FixtureRequest, run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    kind: Kind = request.param
    folder, port = tmp_path_factory.mktemp(kind), reserve_port(run_folder)
    uri = f"sqlite:///{folder}/db.sqlite"
    own = {"SQLALCHEMY_DATABASE_URI": uri, "OAUTH2_INSTANCE_PATH": str(folder), "OAUTH2_SCOPES": json.dumps(SCOPES)}
    with open_provider(folder, uri) as provider:
        client = provider.create_client()
    environment, log = server_environment(own), folder / "server.log"
    server = start_server(kind, port=port, environment=environment, log_path=log, is_loaded=False)
    yield Wire(server, client)
    server.end()


def test_bodies_are_read_alike_however_they_come(wire: Wire) -> None:
    body = b"grant_type=client_credentials&scope=photos"
    chunks = "Transfer-Encoding: chunked"
    for answer in (
        wire.post(body, f"Content-Length: {len(body)}"),
        wire.post(chunked(body), chunks),
        wire.post(chunked(body, 1), chunks),
        wire.post(MULTIPART, f"Content-Length: {len(MULTIPART)}", kind="multipart/form-data; boundary=b"),
        wire.post(chunked(MULTIPART), chunks, kind="multipart/form-data; boundary=b"),
    ):
        status, headers, text = answer
        assert status == 200, answer
        assert headers["cache-control"] == "no-store"
        assert headers["x-request-id"]
        assert b'"scope":"photos"' in text
    for path in (REVOKE, INTROSPECT):
        assert wire.post(chunked(b"token=x"), chunks, path=path)[0] == 200


def test_endless_and_broken_bodies_are_refused_and_the_server_goes_on(wire: Wire) -> None:
    body = b"grant_type=client_credentials&padding=" + b"x" * 70_000
    chunks = "Transfer-Encoding: chunked"
    refused = [
        wire.post(body, f"Content-Length: {len(body)}"),
        wire.post(chunked(body, 4096), chunks),
        wire.post(b"grant_type=cl", "Content-Length: 300", half_close=True),
        wire.post(b"zz\r\nnonsense\r\n", chunks, half_close=True),
        wire.post(b"5\r\ngra", chunks, half_close=True),
        wire.post(b"grant_type=x", "Content-Length: -5", half_close=True),
        wire.post(b"grant_type=x", "Content-Length: many", half_close=True),
        wire.post(b"", "Content-Length: 0"),
        wire.post(b"\0\xff\xfe", "Content-Length: 3"),
    ]
    for answer in refused:
        assert answer[0] == 0 or 400 <= answer[0] < 500, answer
    assert wire.post(b"grant_type=client_credentials", "Content-Length: 29")[0] == 200
    assert "Traceback" not in wire.server.log
    assert "unexpected error" not in wire.server.log


def test_methods_are_answered_alike(wire: Wire) -> None:
    host = f"Host: 127.0.0.1:{wire.server.port}\r\nConnection: close\r\n\r\n".encode()
    status, headers, body = wire.exchange(b"HEAD /oauth/jwks HTTP/1.1\r\n" + host)
    assert (status, body) == (200, b"")
    status, headers, body = wire.exchange(b"OPTIONS /oauth/token HTTP/1.1\r\n" + host)
    assert (status, headers["allow"], body) == (204, "OPTIONS, POST", b"")
    status, headers, body = wire.exchange(b"GET /oauth/token HTTP/1.1\r\n" + host)
    assert (status, headers["allow"]) == (405, "OPTIONS, POST")
    assert json.loads(body)["error"] == "invalid_request"
    for path in (b"/oauth/token%00", b"/oauth/%ff", b"/oauth/token/", b"//oauth/token", b"/%2e%2e/oauth/token"):
        assert 300 <= wire.exchange(b"GET " + path + b" HTTP/1.1\r\n" + host)[0] < 500


NASTY = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="\0\ud800\udfff\U0001f511\u202e%&=+\"'\\\r\n\x1b;a", max_size=60),
    st.integers(8_000, 10_000).map(lambda length: "x" * length),
)
NAMES = st.sampled_from(
    ["grant_type", "client_id", "client_secret", "scope", "code", "redirect_uri", "code_verifier", "username"]
    + ["password", "refresh_token", "token", "token_type_hint", "resource", "nonsense"]
)
GRANTS = ["authorization_code", "client_credentials", "password", "refresh_token", "implicit"]


@given(
    path=st.sampled_from([TOKEN, REVOKE, INTROSPECT]),
    grant_type=st.sampled_from(GRANTS),
    pairs=st.lists(st.tuples(NAMES, NASTY), max_size=5),
    authenticated=st.booleans(),
)
@settings(max_examples=120)
def test_no_parameters_break_the_server(
    stored_provider: Provider, path: str, grant_type: str, pairs: list[tuple[str, str]], authenticated: bool
) -> None:
    client = stored_provider.create_client(*GRANTS) if authenticated else None
    given_pairs = [("grant_type", grant_type), *pairs]
    raw = [(name.encode(), value.encode("utf-8", "surrogatepass")) for name, value in given_pairs]
    assert stored_provider.post(path, raw, client).status < 500  # type: ignore[arg-type]


@given(raw=st.binary(max_size=300), kind=st.sampled_from([FORM, "multipart/form-data; boundary=b", "x", ""]))
@settings(max_examples=120)
def test_no_body_breaks_the_server(provider: Provider, raw: bytes, kind: str) -> None:
    for body in (raw, b"--b\r\n" + raw + b"\r\n--b--"):
        assert provider.open("POST", TOKEN, data=body, content_type=kind).status in (400, 401, 413)


@given(path=st.text(max_size=40), query=st.text(max_size=40))
@settings(max_examples=60)
def test_no_address_breaks_the_server(provider: Provider, path: str, query: str) -> None:
    overrides = {
        "PATH_INFO": "/" + path.encode("utf-8", "surrogatepass").decode("latin-1"),
        "QUERY_STRING": query.encode("utf-8", "surrogatepass").decode("latin-1"),
    }
    assert provider.open("GET", "/", environ_overrides=overrides).status < 500


@settings(max_examples=300)
@given(text=st.text(st.sampled_from("ab=&+%2fC3A9é\x00;"), max_size=40))
def test_a_form_is_decoded_as_the_standard_library_does(text: str) -> None:
    try:
        usual = parse_qsl(text.encode().decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        with pytest.raises(InvalidRequestError):
            parse_pairs(text.encode())
    else:
        assert parse_pairs(text.encode()) == usual


@pytest.mark.parametrize("length", [1, MAX_KEPT_CHARACTERS, MAX_KEPT_CHARACTERS + 1])
def test_a_resource_is_decoded_whether_it_is_kept_or_not(length: int) -> None:
    path = "p" * length
    for _time in range(2):
        pairs = parse_pairs(f"resource=https%3A%2F%2Fapi.example%2F{path}+%C3%BC&resource=a&x=%25".encode())
        assert pairs == [("resource", f"https://api.example/{path} ü"), ("resource", "a"), ("x", "%")]
        with pytest.raises(InvalidRequestError):
            parse_pairs(f"resource=%FF{path}".encode())
