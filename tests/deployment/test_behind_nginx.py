"""Production as the guide sets it up: https by nginx with the shipped file, Granian behind it."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.deployment.front import PASSWORD, SHIPPED, Front, open_front
from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Person, Pkce, RegisteredClient, code_of
from tests.support.waiting import ANSWER_SECONDS, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GRANTS = "authorization_code\nrefresh_token\nclient_credentials"


# What nginx does is the same on both. The nodes that restart under load have PostgreSQL.
@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def front(
    request: pytest.FixtureRequest, run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """One production for all who change nothing of it that the others mind."""
    folder = tmp_path_factory.mktemp("production")
    if request.param == "sqlite":
        with open_front(run_folder, folder, f"sqlite:///{folder}/db.sqlite", nodes=1) as opened:
            yield opened
        return
    cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    with open_front(run_folder, folder, cluster.url(name), nodes=1) as opened:
        yield opened
    cluster.drop_database(name)


def log_in(front: Front, password: str = PASSWORD) -> Person:
    person = front.person()
    answer = person.post("/", {**person.get("/").hidden_fields(), "username": "ada", "password": password})
    assert answer.status == 303, answer.text
    return person


def ask(front: Front, client: RegisteredClient, path: str, **fields: str) -> requests.Response:
    return front.session().post(front.url + path, fields, headers=client.basic, timeout=ANSWER_SECONDS)


def test_production_from_login_to_revocation(front: Front) -> None:
    person = log_in(front)
    client = person.create_client(grant_type=GRANTS)
    pkce = Pkce()
    code = code_of(person.allow(client, state="back", **pkce.parameters))
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    given = ask(front, client, "/oauth/token", **fields, redirect_uri=REDIRECT_URI).json()
    headers = {"Authorization": f"Bearer {given['access_token']}"}

    assert front.session().get(f"{front.url}/api/me", headers=headers).json() == {"id": 1, "username": "ada"}
    assert ask(front, client, "/oauth/revoke", token=given["refresh_token"]).status_code == 200
    assert front.session().get(f"{front.url}/api/me", headers=headers).status_code == 401

    metadata = front.session().get(f"{front.url}/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == front.url
    assert metadata["token_endpoint"] == f"{front.url}/oauth/token"
    # Queries carry codes and states: no log of nginx has one.
    assert "/oauth/authorize" in front.access_log
    assert "?" not in front.access_log
    assert "state" not in front.access_log


def test_cookies_are_bound_to_the_host_and_to_https(front: Front) -> None:
    person = log_in(front)
    answer = person.session.post(
        f"{front.url}/logout", {"csrf_token": person.get("/logout").hidden_fields()["csrf_token"]}
    )
    assert answer.status_code == 200
    page = person.get("/")
    fields = {**page.hidden_fields(), "username": "ada", "password": PASSWORD}
    set_cookies = person.session.post(front.url, fields, allow_redirects=False).raw.headers.getlist("Set-Cookie")

    assert {cookie.partition("=")[0] for cookie in set_cookies} == {"__Host-grantwright", "__Host-grantwright-known"}
    for cookie in set_cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)


def test_plain_http_is_sent_to_https_without_its_query(front: Front) -> None:
    answer = requests.get(
        f"http://127.0.0.1:{front.http_port}/oauth/authorize?code=secret", allow_redirects=False, timeout=ANSWER_SECONDS
    )
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{front.url}/oauth/authorize")


@pytest.mark.parametrize(
    "path", ["/%0d%0aX-Planted:%20x", "/a%0aX-Planted:x", "/%0D%0A%0D%0Abody", "//evil.example/", "/%3f"]
)
def test_nothing_in_a_path_leaves_the_address_of_the_redirect_to_https(front: Front, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", front.http_port, timeout=ANSWER_SECONDS)
    with closing(connection):
        connection.request("GET", f"{path}?code=secret")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("X-Planted")) == (301, None)
        assert answer.getheader("Location") == front.url + path


def test_what_a_client_says_of_its_address_and_host_reaches_nobody(front: Front) -> None:
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.9;host=evil.example;proto=http",
    }
    answer = front.session().get(f"{front.url}/.well-known/oauth-authorization-server", headers=forged)
    assert answer.json()["issuer"] == front.url
    assert "203.0.113.9" not in front.nodes[0].log
    assert "evil.example" not in answer.text
    other_host = front.session().get(f"{front.url}/account", headers={"Host": "evil.example"}, allow_redirects=False)
    assert "evil.example" not in other_host.headers["Location"]


@pytest.mark.parametrize(
    "path", ["//", "///", "/%2F", "//oauth/authorize", "/oauth//authorize", "/%2Foauth/token", "/oauth%5Ctoken", "/%00"]
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(front: Front, path: str) -> None:
    connection = http.client.HTTPSConnection(
        "127.0.0.1",
        front.https_port,
        context=ssl.create_default_context(cafile=str(front.certificate)),
        timeout=ANSWER_SECONDS,
    )
    with closing(connection):
        connection.request("POST", path, "a=b", {"Content-Type": "application/x-www-form-urlencoded"})
        status = connection.getresponse().status
    # nginx itself refuses a null byte.
    assert status == (400 if path == "/%00" else 404)


#: RFC 9325 (BCP 195), section 4.2, as OpenSSL names them.
BCP_195 = {
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
}  # fmt: skip


def test_tls_1_2_has_the_suites_of_bcp_195_alone() -> None:
    [ciphers] = re.findall(r"^\s*ssl_ciphers (.*);$", SHIPPED.read_text(), re.MULTILINE)
    [protocols] = re.findall(r"^\s*ssl_protocols (.*);$", SHIPPED.read_text(), re.MULTILINE)
    assert set(ciphers.split(":")) == BCP_195
    assert protocols.split() == ["TLSv1.2", "TLSv1.3"]


@pytest.mark.parametrize(
    ("suite", "is_taken"),
    [
        ("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305", False),
        ("ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA256", False),
        ("AES128-GCM-SHA256", False),
    ],
)
def test_no_other_suite_is_negotiated_in_tls_1_2(front: Front, suite: str, is_taken: bool) -> None:
    context = ssl.create_default_context(cafile=str(front.certificate))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    with socket.create_connection(("127.0.0.1", front.https_port), timeout=ANSWER_SECONDS) as connection:
        if is_taken:
            with context.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped:
                assert wrapped.version() == "TLSv1.2"
        else:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_readiness_is_for_the_inside(front: Front) -> None:
    assert front.session().get(f"{front.url}/readyz").status_code == 404
    assert requests.get(f"{front.nodes[0].url}/readyz", timeout=ANSWER_SECONDS).status_code == 200


def test_a_person_logs_in_and_allows_in_a_browser(front: Front, chromium: Browser) -> None:
    client = log_in(front).create_client()
    with closing(chromium.new_context(ignore_https_errors=True)) as context:
        page = context.new_page()
        landed: list[str] = []
        page.on("request", lambda request: landed.append(request.url))
        page.goto(
            f"{front.url}/oauth/authorize?response_type=code&client_id={client.client_id}"
            f"&code_challenge={Pkce().challenge}&code_challenge_method=S256&state=back"
        )
        page.fill("#username", "ada")
        page.fill("#password", PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        page.get_by_role("button", name="Allow", exact=True).wait_for()
        with page.expect_event("requestfailed"):
            page.get_by_role("button", name="Allow", exact=True).click()
        assert any(url.startswith(f"{REDIRECT_URI}?code=") for url in landed)


def test_sigterm_lets_requests_finish_and_then_exits_cleanly(
    live_server: Callable[..., LiveServer],
) -> None:
    """A request whose last byte comes after the signal is still answered (X7)."""
    node = live_server("granian")
    connection = socket.create_connection(("127.0.0.1", node.port), timeout=ANSWER_SECONDS)
    body = b"grant_type=client_credentials"
    head = (
        "POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body[:-1])
    time.sleep(0.5)
    node.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    connection.sendall(body[-1:])
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert (response.status, b"invalid_client" in response.read()) == (401, True)
    connection.close()
    assert node.process.wait(ANSWER_SECONDS) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", node.port), timeout=ANSWER_SECONDS)


class Traffic:
    """Clients that ask again and again, and count what did not go well."""

    def __init__(self, front: Front, client: RegisteredClient, person: Person, pause: float = 0) -> None:
        self._front, self._client, self._person, self._pause = front, client, person, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(6)]
        self.failed: list[str] = []
        self.seconds: list[float] = []

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        session, url = self._front.session(), self._front.url
        cookies = self._person.session.cookies.get_dict()
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                if number % 3:
                    fields = {"grant_type": "client_credentials"}
                    answer = session.post(
                        f"{url}/oauth/token", fields, headers=self._client.basic, timeout=ANSWER_SECONDS
                    )
                    if answer.status_code == 200:
                        token = {"token": answer.json()["access_token"]}
                        answer = session.post(
                            f"{url}/oauth/introspect", token, headers=self._client.basic, timeout=ANSWER_SECONDS
                        )
                        if '"active":true' not in answer.text:
                            self.failed.append(f"introspection: {answer.status_code} {answer.text[:200]}")
                else:
                    answer = session.get(
                        f"{url}/account/apps", cookies=cookies, allow_redirects=False, timeout=ANSWER_SECONDS
                    )
                if answer.status_code != 200:
                    self.failed.append(f"{answer.status_code}: {answer.text[:200]}")
            except requests.RequestException as error:
                self.failed.append(repr(error))
            self.seconds.append(time.monotonic() - began)
            self._stop.wait(self._pause)


@pytest.mark.parametrize(
    ("database", "rounds", "pause"),
    [
        # Without a pause the requests would take the machine from the nodes that start.
        ("create_database", 1, 0.2),
        pytest.param("create_database", 5, 0, marks=pytest.mark.soak),
        pytest.param("sqlite_uri", 5, 0, marks=pytest.mark.soak),
    ],
)
def test_nodes_restarted_one_after_the_other_under_load_fail_no_request(
    request: pytest.FixtureRequest, database: str, rounds: int, pause: float, run_folder: Path, tmp_path: Path
) -> None:
    opened = request.getfixturevalue(database)
    database_uri = opened if isinstance(opened, str) else opened()
    with open_front(run_folder, tmp_path, database_uri, OAUTH2_RATE_LIMITS="{'token': 0}") as front:
        person = log_in(front)
        client = person.create_client(grant_type=GRANTS)
        with Traffic(front, client, person, pause) as traffic:
            for _round in range(rounds):
                for number in range(2):
                    assert front.restart(number) == 0
            wait_until(lambda: len(traffic.seconds) > 100)
        assert traffic.failed == []
        print(f"{len(traffic.seconds)} requests during {rounds * 2} restarts, {len(traffic.failed)} failed")


@pytest.mark.soak
def test_slow_clients_do_not_slow_the_others(run_folder: Path, tmp_path: Path, sqlite_uri: str) -> None:
    """Sixty connections that drip headers or bodies: the others' p99 stays below a second (N5)."""
    with open_front(run_folder, tmp_path, sqlite_uri, OAUTH2_RATE_LIMITS="{'token': 0}") as front:
        person = log_in(front)
        client = person.create_client(grant_type=GRANTS)
        slow = [_open_slowly(front, number % 2 == 0) for number in range(60)]
        with Traffic(front, client, person) as traffic:
            for _second in range(20):
                time.sleep(1)
                for connection in slow:
                    _drip(connection)
        for connection in slow:
            connection.close()
        p99 = sorted(traffic.seconds)[int(len(traffic.seconds) * 0.99)]
        print(f"{len(traffic.seconds)} requests beside 60 slow ones, p99 {p99 * 1000:.0f} ms")
        assert traffic.failed == []
        assert p99 < 1


def _open_slowly(front: Front, in_headers: bool) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", front.https_port), timeout=ANSWER_SECONDS)
    context = ssl.create_default_context(cafile=str(front.certificate))
    connection = context.wrap_socket(plain, server_hostname="127.0.0.1")
    head = "POST /oauth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    connection.sendall((head + ("X-Slow: " if in_headers else "Content-Length: 1000\r\n\r\n")).encode())
    return connection


def _drip(connection: ssl.SSLSocket) -> None:
    with suppress(OSError):  # nginx loses its patience with most
        connection.sendall(b"x")
