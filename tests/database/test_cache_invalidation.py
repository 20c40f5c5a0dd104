"""What a node reads again after a change elsewhere: the client that changed and no other; keys only if keys change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.recorded_statements import Recorder
from tests.support.token_requests import MachineClient, Provider, open_provider
from website.bounded_cache import BoundedCache
from website.database import cache_invalidation

SETTINGS = {"OAUTH2_SIGNING_ALGORITHMS": ["ES256"], "OAUTH2_DECRYPTION_ALGORITHMS": [], "OAUTH2_RATE_LIMITS": {}}
READ_CLIENT = "SELECT"


class Nodes:
    """Two nodes on one database; the clients are in the memory of the second one, which only looks when told to."""

    def __init__(self, here: Provider, elsewhere: Provider, recorder: Recorder) -> None:
        self.here, self.elsewhere = here, elsewhere
        self._recorder = recorder
        self.clients = [here.create_client("client_credentials") for _ in range(3)]
        self.look()

    def look(self) -> None:
        """Have the second node look for changes, and use every client once."""
        self.elsewhere.server.cache_invalidation.check_now()
        for client in self.clients:
            assert self.elsewhere.ask_token(client).status == 200

    def statements_for(self, client: MachineClient) -> tuple[int, str]:
        """Return how the second node answers a client's request, and what it asks the database for that."""
        with self._recorder.record() as recording:
            answer = self.elsewhere.ask_token(client)
        return answer.status, str(recording)

    def statements_after(self, change: Callable[[], object]) -> list[tuple[int, str]]:
        """Return the same for every client after a change on the first node that the second one noticed."""
        change()
        self.elsewhere.server.cache_invalidation.check_now()
        return [self.statements_for(client) for client in self.clients]

    def run(self, statement: str) -> None:
        with self.here.server.database.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def nodes(database_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setattr(cache_invalidation, "CHECK_SECONDS", 3600.0)
    monkeypatch.setattr(cache_invalidation, "TRUSTED_SECONDS", 3600.0)
    recorder = Recorder()
    with (
        recorder.listening(),
        open_provider(tmp_path, database_uri, **SETTINGS) as here,
        open_provider(tmp_path, database_uri, **SETTINGS) as elsewhere,
    ):
        yield Nodes(here, elsewhere, recorder)


IN_MEMORY, READ_AGAIN, GONE = (200, ""), (200, READ_CLIENT), (401, READ_CLIENT)
#: A secret that doesn't match is compared once more with those in the database, which may be newer.
WRONG_SECRET = (401, f"{READ_CLIENT} {READ_CLIENT}")
#: What a node of the former release does after a change, as it doesn't know the table of changes.
RAISE_COUNTER = (
    "INSERT INTO oauth2_change (kind, counter) VALUES ('clients', 1)"
    " ON CONFLICT (kind) DO UPDATE SET counter = oauth2_change.counter + 1"
)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda clients, row: clients.update(row, {"client_uri": "https://new.example/"}), READ_AGAIN),
        (lambda clients, row: clients.set_may_introspect(row, True), READ_AGAIN),
        (lambda clients, row: clients.rotate_secret(row, 0), WRONG_SECRET),
        (lambda clients, row: clients.set_disabled(row, True), GONE),
        (lambda clients, row: clients.delete(row), GONE),
    ],
    ids=["update", "right", "secret", "disabling", "deletion"],
)
def test_only_the_client_that_changed_is_read_again(
    nodes: Nodes, change: Callable[..., object], outcome: tuple[int, str]
) -> None:
    changed = nodes.clients[1].row
    after = nodes.statements_after(lambda: change(nodes.here.server.clients, changed))
    assert after == [IN_MEMORY, outcome, IN_MEMORY]


def test_changes_of_several_clients_are_noticed_in_one_look(nodes: Nodes) -> None:
    first, _second, third = (client.row for client in nodes.clients)
    clients = nodes.here.server.clients
    after = nodes.statements_after(lambda: [clients.set_may_introspect(row, True) for row in (first, third, first)])
    assert after == [READ_AGAIN, IN_MEMORY, READ_AGAIN]


def test_new_clients_and_new_keys_make_no_client_be_read_again(nodes: Nodes) -> None:
    assert nodes.statements_after(nodes.here.create_client) == [IN_MEMORY] * 3
    rotate = ["keys", "rotate"]
    after = nodes.statements_after(lambda: nodes.here.application.test_cli_runner().invoke(args=rotate))
    assert after[0] != IN_MEMORY  # the keys themselves
    assert after[1:] == [IN_MEMORY] * 2


def test_after_a_change_by_a_former_release_every_client_is_read_again(nodes: Nodes) -> None:
    def change() -> None:
        """Change two clients, one of them by the former release."""
        nodes.run(f"UPDATE oauth2_client SET disabled_at = 1 WHERE id = '{nodes.clients[0].row}'")
        nodes.run(RAISE_COUNTER)
        nodes.here.server.clients.set_may_introspect(nodes.clients[1].row, True)

    assert nodes.statements_after(change) == [GONE, READ_AGAIN, READ_AGAIN]


def test_after_more_changes_than_are_remembered_every_client_is_read_again(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_invalidation, "KEPT_CHANGES", 3)
    row, clients = nodes.clients[0].row, nodes.here.server.clients
    few, many = range(3), range(4)
    assert nodes.statements_after(lambda: [clients.set_may_introspect(row, True) for _ in few])[1] == IN_MEMORY
    assert nodes.statements_after(lambda: [clients.set_may_introspect(row, True) for _ in many])[1] == READ_AGAIN
    with nodes.here.server.database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM oauth2_client_change")) == 3


def test_after_a_restored_backup_every_client_is_read_again(nodes: Nodes) -> None:
    nodes.here.server.clients.set_may_introspect(nodes.clients[0].row, True)
    nodes.look()
    earlier = "UPDATE oauth2_change SET counter = counter - 1 WHERE kind = 'clients'"
    assert nodes.statements_after(lambda: nodes.run(earlier)) == [READ_AGAIN] * 3


def test_a_node_that_slept_reads_every_client_again(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_invalidation, "TRUSTED_SECONDS", 0.0)
    nodes.elsewhere.server.cache_invalidation.check_now()
    assert nodes.statements_for(nodes.clients[0])[1].startswith(READ_CLIENT)


def test_what_was_read_before_a_change_is_not_cached_after_it() -> None:
    cache: BoundedCache[str, str] = BoundedCache(1000)
    version = cache.version
    cache.forget(["another"])
    cache.put("client", "as it was", 10, version)
    assert cache.get("client") is None
    cache.put("client", "as it is", 10, cache.version)
    assert cache.get("client") == "as it is"
