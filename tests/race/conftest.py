"""Fixtures for races: two server processes on one database, and a third to prepare and inspect it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text

from tests.race.volley import Battery, Shot, post
from tests.support import canary
from tests.support.live_server import LiveServer, server_environment, start_server
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.ports import reserve_port
from tests.support.token_requests import INTROSPECT, TOKEN, MachineClient, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS

GRANT_TYPES = ("authorization_code", "refresh_token", "password", "client_credentials")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/race/" in item.path.as_posix() and not item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.race)


@dataclass(frozen=True)
class Field:
    """Two nodes; and the provider in this process, on the same database, as a third."""

    first: LiveServer
    second: LiveServer
    third: Provider

    @property
    def nodes(self) -> tuple[LiveServer, LiveServer]:
        return self.first, self.second

    def battery(self) -> Battery:
        return Battery(*self.nodes)

    def create_client(self, **metadata: Any) -> MachineClient:
        defaults = {"redirect_uris": [REDIRECT_URI], "response_types": ["code"], "scope": "profile"}
        return self.third.create_client(*GRANT_TYPES, **{**defaults, **metadata})

    def log_in(self, username: str = "alice") -> Person:
        """Return a person with a browser at the third node."""
        person = Person(self.third.application.test_client())
        assert person.log_in(username).status == 303
        return person

    def draw_code(self, person: Person, client: MachineClient, pkce: Pkce) -> str:
        return code_of(person.allow(client.client_id, scope="profile", **pkce.parameters))

    def post(self, node: LiveServer, path: str, fields: dict[str, str], client: MachineClient) -> requests.Response:
        own_fields, headers = client.credentials
        return requests.post(node.url + path, {**fields, **own_fields}, headers=headers, timeout=ANSWER_SECONDS)

    def is_active(self, node: LiveServer, client: MachineClient, token: str) -> bool:
        answer = self.post(node, INTROSPECT, {"token": token}, client)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    def is_dead_everywhere(self, client: MachineClient, *tokens: str) -> bool:
        return not any(self.is_active(node, client, token) for node in self.nodes for token in tokens)

    def open_api(self, node: LiveServer, access_token: str) -> int:
        """Return the status with which the API answers this access token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return requests.get(f"{node.url}/api/me", headers=headers, timeout=ANSWER_SECONDS).status_code

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self.third.server.database.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), parameters)]

    def number(self, sql: str, **parameters: Any) -> int:
        return int(self.rows(sql, **parameters)[0][0])


def redemption(client: MachineClient, code: str, pkce: Pkce) -> bytes:
    """Return the request that redeems a code."""
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    return post(TOKEN, {**fields, "redirect_uri": REDIRECT_URI}, {"Authorization": client.basic})


def refreshing(client: MachineClient, refresh_token: str) -> bytes:
    """Return the request that takes a refresh token."""
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return post(TOKEN, fields, {"Authorization": client.basic})


def winner_of(shots: list[Shot]) -> dict[str, Any]:
    """Return what the one winner got; all others were refused, none of them by a failure of the server."""
    won = [shot for shot in shots if shot.status == 200]
    assert len(won) == 1, sorted(shot.outcome for shot in shots)
    assert {shot.outcome for shot in shots if shot.status != 200} == {"400 invalid_grant"}
    return won[0].json


@contextmanager
def open_field(run_folder: Path, folder: Path, database_uri: str, **settings: str) -> Iterator[Field]:
    """Set a database up, start two nodes on it, search it and the logs for secrets at the end."""
    port, since = reserve_port(run_folder), canary.mark()
    issuer = f"http://127.0.0.1:{port}"
    with ExitStack() as cleanup:
        third = cleanup.enter_context(open_provider(folder, database_uri, OAUTH2_ISSUER=issuer, **settings))
        environment = server_environment(
            {
                "SQLALCHEMY_DATABASE_URI": database_uri,
                "OAUTH2_INSTANCE_PATH": str(folder),
                "OAUTH2_ISSUER": issuer,
                **settings,
            }
        )

        def start(own_port: int) -> LiveServer:
            log = folder / f"granian-{own_port}.log"
            node = start_server("granian", port=own_port, environment=environment, log_path=log)
            cleanup.callback(node.end)
            return node

        with ThreadPoolExecutor() as both:
            nodes = list(both.map(start, (port, reserve_port(run_folder))))
        yield Field(nodes[0], nodes[1], third)
        for node in nodes:
            canary.check(since, database_uri, folder, log=node.log_path)


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """An empty database, shared by the races of a worker, and a folder beside it."""
    folder = tmp_path_factory.mktemp("race")
    if request.param == "sqlite":
        yield folder, f"sqlite:///{folder}/db.sqlite"
        return
    cluster = request.getfixturevalue("postgres_cluster")
    name = cluster.create_database()
    yield folder, cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture(scope="package")
def field(run_folder: Path, database: tuple[Path, str]) -> Iterator[Field]:
    """The field that the races of a worker share: each brings clients of its own."""
    with open_field(run_folder, *database) as opened:
        yield opened
