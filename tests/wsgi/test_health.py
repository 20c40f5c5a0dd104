"""``/healthz`` and ``/readyz`` tell the truth, quickly, to anybody, and no details (P5)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import make_url, text

from tests.support.commands import run
from tests.support.connection_uses import after_each_use
from tests.support.live_server import LiveServer
from tests.support.token_requests import PRODUCTION, Answer, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS, seconds
from tests.support.wire import Wire, through

HEALTH, READINESS = "/healthz", "/readyz"
OK, UNAVAILABLE = {"status": "ok"}, {"status": "unavailable"}
NOTICED_SECONDS = 1.1
ANSWERED_SECONDS = seconds(30)


@pytest.fixture
def node(tmp_path: Path, database_uri: str) -> Iterator[Provider]:
    """A node in production, set up, that was ready a moment ago."""
    with open_provider(tmp_path, database_uri, **PRODUCTION) as opened:
        assert look(opened) == (200, OK)
        yield opened


def ask(node: Provider, path: str, method: str = "GET", **headers: str) -> Answer:
    """Ask as a load balancer does: from next door, over plain http, under no name of ours."""
    address = {"REMOTE_ADDR": "10.0.0.1"}
    return node.open(method, path, base_url="http://10.0.0.2:8000", environ_overrides=address, headers=headers)


def look(node: Provider) -> tuple[int, dict[str, str]]:
    answer = ask(node, READINESS)
    return answer.status, answer.json


def look_again(node: Provider) -> int:
    """Ask once what was seen last is asked for anew."""
    time.sleep(NOTICED_SECONDS)
    began = time.monotonic()
    answer = ask(node, READINESS)
    assert time.monotonic() - began < ANSWERED_SECONDS
    assert answer.json == (OK if answer.status == 200 else UNAVAILABLE)
    assert answer.status == 200 or int(answer.headers["Retry-After"]) > 0
    assert ask(node, HEALTH).status == 200  # the process lives whatever it lacks
    return answer.status


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("instance")
    with open_provider(folder, f"sqlite:///{folder}/db.sqlite", **PRODUCTION) as opened:
        yield opened


@pytest.mark.parametrize("path", [HEALTH, READINESS])
def test_both_answer_over_plain_http_from_anywhere_without_details(healthy: Provider, path: str) -> None:
    answer = ask(healthy, path)
    assert (answer.status, answer.json) == (200, OK)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert "Location" not in answer.headers
    assert ask(healthy, "/").status == 400  # anything else is refused over plain http


@pytest.mark.parametrize("path", [HEALTH, READINESS])
def test_a_head_gets_the_headers_alone(healthy: Provider, path: str) -> None:
    answer = ask(healthy, path, "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(ask(healthy, path).body)


@pytest.mark.parametrize("path", [HEALTH, READINESS])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(healthy: Provider, path: str, method: str) -> None:
    answer = ask(healthy, path, method)
    assert answer.status == 405
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/x", "/Healthz", "//healthz"])
def test_other_addresses_are_none_of_theirs(healthy: Provider, path: str) -> None:
    assert ask(healthy, path).status == 400  # plain http, as any other


def test_the_demo_answers_them_too_and_to_strangers(application: Flask) -> None:
    demo = Provider(application)
    assert [ask(demo, path).status for path in (HEALTH, READINESS)] == [200, 200]
    assert ask(demo, "/").status == 403


def test_asking_often_costs_one_look(healthy: Provider) -> None:
    uses = 0

    def count() -> None:
        nonlocal uses
        uses += 1

    time.sleep(NOTICED_SECONDS)
    began = time.monotonic()
    with after_each_use(healthy, count, in_any_thread=True):
        for _ in range(200):
            assert ask(healthy, READINESS).status == 200
    assert 1 <= uses <= 20 + (time.monotonic() - began) * 5


# --- what a node lacks


def test_without_tables_a_node_is_not_ready_until_they_are_made(tmp_path: Path, database_uri: str) -> None:
    with unset_up(tmp_path, database_uri) as node:
        assert look_again(node) == 503
        run(node, "initdb")
        assert look_again(node) == 200


def test_without_keys_a_node_is_not_ready_until_they_are_made(tmp_path: Path, database_uri: str) -> None:
    with unset_up(tmp_path, database_uri) as node:
        run(node, "db", "upgrade")
        assert look_again(node) == 503
        run(node, "initdb")
        assert look_again(node) == 200


def test_a_node_that_cannot_open_the_keys_is_not_ready(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION):
        other_key = {"OAUTH2_KEY_ENCRYPTION_KEY": "Sk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY"}
        with unset_up(tmp_path, sqlite_uri, **other_key) as node:
            assert look_again(node) == 503


def test_with_tables_behind_its_code_a_node_is_not_ready_until_they_are_updated(node: Provider) -> None:
    run(node, "db", "downgrade", "0001")
    assert look_again(node) == 503
    run(node, "db", "upgrade")
    assert look_again(node) == 200


def test_with_tables_ahead_of_its_code_a_node_is_ready(node: Provider) -> None:
    """The nodes that are updated last serve on while the first ones have moved the tables on."""
    with node.server.database.engine.begin() as connection:
        connection.execute(text("UPDATE oauth2_alembic_version SET version_num = '9999'"))
    assert look_again(node) == 200


def test_tables_that_vanish_are_noticed(node: Provider) -> None:
    with node.server.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE oauth2_alembic_version RENAME TO elsewhere"))
    assert look_again(node) == 503
    with node.server.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO oauth2_alembic_version"))
    assert look_again(node) == 200


@contextmanager
def unset_up(folder: Path, database_uri: str, **settings: Any) -> Iterator[Provider]:
    """Open a node on whatever database there is, ``flask initdb`` not run."""
    from website.app import create_app
    from website.models import db

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AUTHLIB_INSECURE_TRANSPORT", raising=False)
        values = {"TESTING": True, "SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(folder)}
        application = create_app({**values, **PRODUCTION, **settings})
    yield Provider(application)
    with application.app_context():
        db.engine.dispose()


# --- a database out of reach


def test_while_postgresql_turns_connections_away_a_node_is_not_ready(
    tmp_path: Path, create_database: Callable[[], str], postgres_cluster: Any
) -> None:
    uri = create_database()
    name = make_url(uri).database
    with open_provider(tmp_path, uri, **PRODUCTION) as node:
        assert look(node) == (200, OK)
        postgres_cluster.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
        postgres_cluster.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert look_again(node) == 503
        assert look_again(node) == 503
        postgres_cluster.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
        assert look_again(node) == 200


def test_once_postgresql_is_cut_off_a_node_is_not_ready(
    tmp_path: Path, create_database: Callable[[], str], wire: Wire
) -> None:
    with open_provider(tmp_path, through(wire, create_database()), **PRODUCTION) as node:
        assert look(node) == (200, OK)
        wire.cut()
        assert look_again(node) == 503


def test_a_postgresql_that_takes_connections_and_says_nothing_is_noticed_in_time(
    tmp_path: Path, create_database: Callable[[], str], wire: Wire
) -> None:
    with open_provider(tmp_path, through(wire, create_database()), **PRODUCTION) as node:
        assert look(node) == (200, OK)
        node.server.database.engine.dispose()  # the next request connects anew
        wire.hold_back()
        assert look_again(node) == 503
        wire.cut()


# --- draining


def test_a_draining_node_is_alive_and_serves_and_is_not_ready(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node:
        client = node.create_client()
        assert look(node) == (200, OK)
        assert "Connection" not in node.ask_token(client).headers
        run(node, "drain")
        assert (tmp_path / "draining").stat().st_mode & 0o077 == 0
        assert look_again(node) == 503
        answer = node.ask_token(client)
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        run(node, "drain", "--undo")
        run(node, "drain", "--undo")  # once is enough, twice is no mistake
        assert look_again(node) == 200
        assert "Connection" not in node.ask_token(client).headers


def test_a_node_drains_alone(tmp_path: Path, sqlite_uri: str) -> None:
    with (
        open_provider(tmp_path, sqlite_uri, **PRODUCTION) as node,
        open_provider(tmp_path, sqlite_uri, **PRODUCTION, OAUTH2_DRAIN_FILE="the other one's") as other,
    ):
        run(node, "drain")
        time.sleep(NOTICED_SECONDS)
        assert (look(node)[0], look(other)[0]) == (503, 200)


# --- a real server


def test_a_real_server_answers_a_load_balancer_in_production(
    live_server: Callable[..., LiveServer], tmp_path: Path
) -> None:
    import requests

    environment = {name: str(value) for name, value in PRODUCTION.items() if isinstance(value, str)}
    environment |= {"OAUTH2_DEMO": "0", "OAUTH2_INSTANCE_PATH": str(tmp_path)}
    server = live_server("granian", {**environment, "AUTHLIB_INSECURE_TRANSPORT": None})
    with requests.Session() as session:
        session.trust_env = False
        for path in (HEALTH, READINESS):
            answer = session.get(server.url + path, timeout=ANSWER_SECONDS)
            assert (answer.status_code, json.loads(answer.text)) == (200, OK)
            assert session.head(server.url + path, timeout=ANSWER_SECONDS).status_code == 200
            assert session.post(server.url + path, timeout=ANSWER_SECONDS).status_code == 405
        assert session.get(server.url + "/", timeout=ANSWER_SECONDS).status_code == 400
