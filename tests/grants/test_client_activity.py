"""What each client did, counted by its processes and added up hour by hour."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine
from flask import Flask

from tests.support.at_once import at_once
from tests.support.commands import run, run_for_json, stop_client
from tests.support.embedding_host import PREFIX, Host, open_hosts
from tests.support.live_server import KINDS, Kind, LiveServer
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.residents import open_database, rows
from tests.support.token_requests import INTROSPECT, TOKEN, MachineClient, Provider, basic, open_provider
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website.app import create_app
from website.grants import activity_counts, connected_people
from website.models import db

DAY = 86400
BEGIN = 1_800_000_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Provider]]:
    """Two applications on one database."""
    folder = tmp_path_factory.mktemp("nodes")
    with (
        open_database(request, folder, request.param) as uri,
        open_provider(folder, uri) as first,
        open_provider(folder, uri) as second,
    ):
        yield [first, second]


@pytest.fixture
def node(nodes: list[Provider]) -> Provider:
    return nodes[0]


def create_client(node: Provider, **metadata: Any) -> MachineClient:
    grant_types = ("authorization_code", "refresh_token", "password", "client_credentials")
    chosen = {"redirect_uris": [REDIRECT_URI], "response_types": ["code"], "scope": "profile", **metadata}
    return node.create_client(*grant_types, **chosen)


def activity_of(node: Provider, client: MachineClient) -> Any:
    return node.server.grants.activity.activity_of(node.server.clients.find_row(client.row))


def flush(node: Provider) -> None:
    node.server.grants.activity.counts.flush()


def stored(node: Provider, client: MachineClient) -> dict[str, int]:
    """Return what the table says of a client, by kind."""
    found = rows(
        node,
        "SELECT kind, sum(total) FROM oauth2_client_activity WHERE client = :client GROUP BY kind",
        client=client.row,
    )
    return {kind: int(total) for kind, total in found}


def connect(node: Provider, client: MachineClient, username: str) -> dict[str, Any]:
    """Let a person log in and allow a client something; return its tokens."""
    person, pkce = Person(node.application.test_client()), Pkce()
    person.log_in(username)
    code = code_of(person.allow(client.client_id, scope="profile", **pkce.parameters))
    fields = {"code": code, "code_verifier": pkce.verifier, "redirect_uri": REDIRECT_URI}
    return node.get_token(client, "authorization_code", **fields)


def test_everything_that_a_client_does_is_counted_by_kind(node: Provider) -> None:
    client = create_client(node)
    tokens = connect(node, client, "alice")
    for _ in range(2):
        node.get_token(client)
    assert node.refresh(client, tokens["refresh_token"]).status == 200
    node.introspect(client, tokens["access_token"])
    wrong = {"Authorization": basic(client.client_id, "wrong")}
    assert node.open("POST", TOKEN, data={"grant_type": "client_credentials"}, headers=wrong).status == 401
    assert node.open("POST", INTROSPECT, data={"token": "x"}, headers=wrong).status == 401

    for _ in ("before it is written", "after that"):
        activity = activity_of(node, client)
        assert activity.issued == {"authorization_code": 1, "client_credentials": 2, "refresh_token": 1}
        assert activity.tokens_this_week == 4
        assert (activity.introspections, activity.failed_authentications) == (1, 2)
        assert activity.last_used_at % 3600 == 0
        flush(node)
    assert sum(stored(node, client).values()) == 7


def test_tokens_through_the_browser_are_counted(node: Provider) -> None:
    public = {"redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none", "scope": "profile"}
    client = node.create_client("implicit", response_types=["token"], **public)
    person = Person(node.application.test_client())
    person.log_in("irene")
    assert "access_token" in person.allow(client.client_id, response_type="token", scope="profile").fragment
    assert activity_of(node, client).issued == {"implicit": 1}


def test_request_writes_no_activity(node: Provider) -> None:
    client = create_client(node)
    node.get_token(client)
    assert stored(node, client) == {}


def test_unknown_client_is_not_counted(node: Provider) -> None:
    all_counts = "SELECT client, began_at, kind, total FROM oauth2_client_activity"
    flush(node)
    before = rows(node, all_counts)
    wrong = {"Authorization": basic("nobody", "wrong")}
    assert node.open("POST", TOKEN, data={"grant_type": "client_credentials"}, headers=wrong).status == 401
    flush(node)
    assert rows(node, all_counts) == before


def test_counts_that_are_copied_are_those_of_the_clients_asked_for(node: Provider) -> None:
    asked, other = create_client(node), create_client(node)
    for client in (asked, other):
        node.get_token(client)
    copied = node.server.grants.activity.counts.copy({asked.row, "unknown"})
    assert {(counted.client, counted.kind): total for counted, total in copied.items()} == {
        (asked.row, "client_credentials"): 1
    }


def test_failed_authentication_is_no_use(node: Provider) -> None:
    client = create_client(node)
    wrong = {"Authorization": basic(client.client_id, "wrong")}
    node.open("POST", TOKEN, data={"grant_type": "client_credentials"}, headers=wrong)
    assert activity_of(node, client).last_used_at is None
    flush(node)
    assert activity_of(node, client).last_used_at is None


def test_counts_of_two_nodes_that_write_at_once_add_up(nodes: list[Provider]) -> None:
    clients = [create_client(nodes[0]) for _ in range(5)]
    counts = [node.server.grants.activity.counts for node in nodes]

    def work(index: int) -> None:
        own = counts[index % 2]
        for number in range(20):
            for client in clients if index < 4 else reversed(clients):
                own.add(client.row, "client_credentials")
            if number % 5 == index % 5:
                own.flush()

    at_once(8, work)
    for own in counts:
        own.flush()
    assert [stored(nodes[1], client) for client in clients] == [{"client_credentials": 160}] * 5


def test_counts_of_a_deleted_client_are_dropped_and_those_of_others_written(node: Provider) -> None:
    deleted, other = create_client(node), create_client(node)
    for client in (deleted, other):
        node.get_token(client)
    stop_client(node, "delete", deleted, "--yes")
    flush(node)
    assert (stored(node, deleted), stored(node, other)) == ({}, {"client_credentials": 1})
    node.get_token(other)
    flush(node)
    stop_client(node, "delete", other, "--yes")
    assert stored(node, other) == {}


def test_week_has_seven_days_and_last_use_is_known_longer(node: Provider) -> None:
    client = create_client(node)
    with time_machine.travel(BEGIN, tick=False):
        node.get_token(client)
        flush(node)
    with time_machine.travel(BEGIN + 6 * DAY, tick=False):
        assert activity_of(node, client).tokens_this_week == 1
    with time_machine.travel(BEGIN + 8 * DAY, tick=False):
        activity = activity_of(node, client)
        assert (activity.tokens_this_week, activity.last_used_at) == (0, BEGIN)


def test_pruning_deletes_what_is_older_than_the_setting(node: Provider) -> None:
    client = create_client(node)
    with time_machine.travel(BEGIN, tick=False):
        node.get_token(client)
        flush(node)
    with time_machine.travel(BEGIN + 89 * DAY, tick=False):
        run(node, "prune")
        assert stored(node, client) == {"client_credentials": 1}
    with time_machine.travel(BEGIN + 91 * DAY, tick=False):
        assert run_for_json(node, "prune", "--json")["oauth2_client_activity"] >= 1
    assert stored(node, client) == {}


def test_last_use_of_many_clients_is_read_together(node: Provider) -> None:
    used, written, unused = (create_client(node) for _ in range(3))
    with time_machine.travel(BEGIN, tick=False):
        node.get_token(written)
        flush(node)
    with time_machine.travel(BEGIN + 3600, tick=False):
        node.get_token(used)
        clients = [node.server.clients.find_row(client.row) for client in (used, written, unused)]
        assert node.server.grants.activity.last_used_of(clients) == {used.row: BEGIN + 3600, written.row: BEGIN}
    assert node.server.grants.activity.last_used_of([]) == {}


def test_people_are_counted_once_and_listed_by_their_last_connection(node: Provider) -> None:
    client = create_client(node)
    for username in ("alice", "bob", "alice"):
        connect(node, client, username)
    with time_machine.travel(BEGIN, tick=False):
        connect(node, client, "carol")
    people = activity_of(node, client).people
    assert (people.count, people.is_more, people.last_connected_at) == (3, False, BEGIN)
    assert node.server.users.find(people.latest[0].user_id).username == "carol"

    node.server.grants.consents.revoke(people.latest[0].subject, client.row)
    assert activity_of(node, client).people.count == 2


def test_number_of_people_is_a_lower_limit_for_a_large_client(node: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    client = create_client(node)
    monkeypatch.setattr(connected_people, "MAX_LOOKED_AT", 2)
    for username in ("alice", "bob", "carol"):
        connect(node, client, username)
    people = activity_of(node, client).people
    assert people.is_more
    assert 1 <= people.count <= 3


def test_command_shows_activity(node: Provider) -> None:
    client = create_client(node)
    connect(node, client, "dora")
    flush(node)
    shown = run_for_json(node, "clients", "activity", "--json", "--", client.client_id)
    assert shown["tokens_this_week"] == 1
    assert shown["issued_this_week"] == {"authorization_code": 1}
    assert shown["connected_people"] == 1
    assert [person["username"] for person in shown["people"]] == ["dora"]
    text = run(node, "clients", "activity", "--", client.client_id).stdout
    assert "authorization_code  1" in text
    assert "dora" in text
    run(node, "clients", "activity", "nobody", exit_code=1)


# Failures


def test_counts_outlive_a_failed_write(tmp_path: Path, database_uri: str) -> None:
    with open_provider(tmp_path, database_uri) as node:
        client = create_client(node)
        node.get_token(client)
        with node.server.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE oauth2_client_activity RENAME TO elsewhere")
        flush(node)
        node.get_token(client)
        flush(node)
        with node.server.database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO oauth2_client_activity")
        assert activity_of(node, client).issued == {"client_credentials": 2}
        for _ in range(2):
            flush(node)
            assert stored(node, client) == {"client_credentials": 2}


def test_counts_take_limited_memory(node: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    flush(node)
    monkeypatch.setattr(activity_counts, "MAX_CLIENTS", 2)
    counts, clients = node.server.grants.activity.counts, [create_client(node).row for _ in range(3)]
    for row in (*clients, clients[0]):
        counts.add(row, "client_credentials")
    assert {counted.client: total for counted, total in counts.copy(clients).items()} == {clients[0]: 2, clients[1]: 1}


def test_nothing_is_counted_if_the_setting_is_zero(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri, OAUTH2_ACTIVITY_SECONDS=0) as node:
        client = create_client(node)
        connect(node, client, "alice")
        assert node.server.grants.activity.counts.copy({client.row}) == {}
        activity = activity_of(node, client)
        assert (activity.last_used_at, activity.tokens_this_week, activity.people.count) == (None, 0, 1)
        assert "OAUTH2_ACTIVITY_SECONDS" in run(node, "clients", "activity", "--", client.client_id).stderr


# Processes


@pytest.mark.parametrize("kind", KINDS)
def test_process_writes_its_counts_when_it_ends(live_server: Callable[..., LiveServer], kind: Kind) -> None:
    server = live_server(kind, {"OAUTH2_DRAIN_SECONDS": "1"})
    made = json.loads(
        server.run_command("clients", "create", "Job", "--type", "machine", "--scope", "profile", "--json")
    )
    answer = requests.post(
        f"{server.url}/oauth/token",
        {"grant_type": "client_credentials"},
        auth=(made["client_id"], made["client_secret"]),
        timeout=ANSWER_SECONDS,
    )
    assert answer.status_code == 200
    server.end()
    shown = json.loads(server.run_command("clients", "activity", made["client_id"], "--json"))
    assert shown["issued_this_week"] == {"client_credentials": 1}


FORK = """
import os, sys
from website.app import create_app

counts = create_app().extensions["grantwright"].grants.activity.counts
row = sys.argv[1]
counts.add(row, "parent")
child = os.fork()
if child == 0:
    counts.add(row, "child")
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
counts.add(row, "parent")
"""


def test_forked_process_writes_only_its_own_counts(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri) as node:
        client = create_client(node)
        environment = {**os.environ, "OAUTH2_INSTANCE_PATH": str(tmp_path), "SQLALCHEMY_DATABASE_URI": sqlite_uri}
        ran = subprocess.run(
            [sys.executable, "-c", FORK, client.row],
            env=environment,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
        )
        assert ran.returncode == 0, ran.stderr
        assert stored(node, client) == {"parent": 2, "child": 1}


def test_application_that_is_gone_leaves_no_thread_behind(tmp_path: Path, sqlite_uri: str) -> None:
    with open_provider(tmp_path, sqlite_uri):
        pass
    application: Flask | None = create_app(
        {"TESTING": True, "SQLALCHEMY_DATABASE_URI": sqlite_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)}
    )
    assert application is not None
    counts, others = application.extensions["grantwright"].grants.activity.counts, set(threading.enumerate())
    counts.add("a client", "client_credentials")
    started = set(threading.enumerate()) - others
    assert len(started) == 1
    with application.app_context():
        db.engine.dispose()
    reference = weakref.ref(counts)
    del application, counts
    gc.collect()
    assert reference() is None
    wait_until(lambda: not any(thread.is_alive() for thread in started))


def test_embedded_provider_counts_too(tmp_path: Path, sqlite_uri: str) -> None:
    with open_hosts(sqlite_uri, tmp_path) as create_host:
        host: Host = create_host()
        client, secret = host.provider.server.clients.create(
            {
                "client_name": "Job",
                "redirect_uris": [],
                "grant_types": ["client_credentials"],
                "response_types": [],
                "scope": "profile",
                "token_endpoint_auth_method": "client_secret_basic",
            },
            None,
        )
        headers = {"Authorization": basic(client.client_id, secret)}
        answer = host.app.test_client().post(
            f"{PREFIX}/oauth/token", data={"grant_type": "client_credentials"}, headers=headers
        )
        assert answer.status_code == 200
        host.provider.server.grants.activity.counts.flush()
        shown = json.loads(host.command("clients", "activity", client.client_id, "--json"))
        assert shown["issued_this_week"] == {"client_credentials": 1}
