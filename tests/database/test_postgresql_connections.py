"""PostgreSQL closes connections, or stops answering: the one costs no request, the other a 503 and nothing more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import requests
from sqlalchemy import make_url

from tests.support.live_server import LiveServer
from tests.support.person import Person
from tests.support.token_requests import TOKEN, MachineClient, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS, seconds
from tests.support.wire import Wire, through

CALLERS = 24


@pytest.fixture
def node(tmp_path: Path, create_database: Callable[[], str]) -> Iterator[Provider]:
    with open_provider(tmp_path, create_database()) as opened:
        yield opened


def close_all(node: Provider) -> None:
    """End every connection of a node, as a restart of the database or an impatient proxy does."""
    uri = make_url(node.application.config["SQLALCHEMY_DATABASE_URI"])
    address = uri.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_no_request_fails_because_connections_were_closed(node: Provider) -> None:
    client = node.create_client("password", "refresh_token", "client_credentials", scope="openid profile")
    tokens = node.log_in(client, scope="openid profile")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    person = Person(node.application.test_client())
    person.log_in("alice")
    requests_of: dict[str, Callable[[], int]] = {
        "UserInfo": lambda: node.get("/oauth/userinfo", **bearer).status,
        "API": lambda: node.get("/api/me", **bearer).status,
        "token": lambda: node.ask_token(client).status,
        "password": lambda: node.ask_token(client, "password", username="alice", password="valid").status,
        "introspection": lambda: int(node.is_active(client, tokens["access_token"])) and 200,
        "page": lambda: person.get("/").status,
        "page of apps": lambda: person.get("/account/apps").status,
        "authorization": lambda: person.get(f"/oauth/authorize?client_id={client.client_id}&response_type=code").status,
        "readiness": lambda: node.get("/readyz").status,
    }
    before = {name: request() for name, request in requests_of.items()}
    assert 503 not in before.values()
    for name, request in requests_of.items():
        node.server.cache_invalidation.check_now()  # at least one connection is there to be closed
        close_all(node)
        assert (name, request()) == (name, before[name])


def test_a_refresh_token_is_not_lost_to_a_closed_connection(node: Provider) -> None:
    client = node.create_client("password", "refresh_token", scope="profile")
    tokens = node.log_in(client)
    for _ in range(3):
        close_all(node)
        answer = node.refresh(client, tokens["refresh_token"])
        assert answer.status == 200, answer.body
        tokens = answer.json


def test_a_login_form_goes_through_on_closed_connections(node: Provider) -> None:
    person = Person(node.application.test_client())
    page = person.get("/")
    close_all(node)
    assert person.post("/", {**page.hidden_fields(), "username": "bob"}).status == 303


def ask_at_once(url: str, client: MachineClient, count: int) -> list[requests.Response]:
    answers: list[requests.Response] = []

    def ask() -> None:
        fields = {"grant_type": "password", "username": "alice", "password": "valid"}
        answers.append(
            requests.post(url + TOKEN, fields, headers={"Authorization": client.basic}, timeout=ANSWER_SECONDS)
        )

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_database_that_stops_answering_costs_503_and_nothing_else(
    tmp_path: Path, create_database: Callable[[], str], wire: Wire, live_server: Callable[..., LiveServer]
) -> None:
    uri = create_database()
    with open_provider(tmp_path, uri) as registry:
        client = registry.create_client("password", scope="profile")
        registry.create_user("alice")
        environment = {
            name: registry.application.config[name] for name in ("SECRET_KEY", "OAUTH2_KEY_ENCRYPTION_KEY")
            if registry.application.config.get(name)
        }  # fmt: skip
    server = live_server("granian", {**environment, "SQLALCHEMY_DATABASE_URI": through(wire, uri)}, initdb=False)
    assert [answer.status_code for answer in ask_at_once(server.url, client, 1)] == [200]
    assert requests.get(f"{server.url}/oauth/jwks", timeout=ANSWER_SECONDS).status_code == 200
    wire.hold_back()
    answers = ask_at_once(server.url, client, CALLERS)
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    slowest = max(answer.elapsed.total_seconds() for answer in answers)
    print(f"the slowest of {CALLERS} was refused after {slowest:.1f} s")
    assert slowest < seconds(60)  # five, on a machine that does nothing else
    assert requests.get(f"{server.url}/healthz", timeout=ANSWER_SECONDS).status_code == 200
    wire.let_through()
    for _ in range(20):
        answers = ask_at_once(server.url, client, 1)
        if answers[0].status_code == 200:
            break
        threading.Event().wait(0.5)
    assert answers[0].status_code == 200
