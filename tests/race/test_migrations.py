"""Two nodes that are started at once on a database whose tables are behind: one updates it, the other waits (X8)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.support.live_server import REPOSITORY, LiveServer, run_flask, server_environment
from website.database.schema import find_revision, known_revisions

pytestmark = pytest.mark.race
NODES = 4


def upgrade_at_once(environment: dict[str, str]) -> list[tuple[int, str]]:
    """Run `flask db upgrade` in several processes at once; return each one's exit status and what it printed."""
    command = [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"]
    started = [
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _node in range(NODES)
    ]
    return [(process.wait(120), process.communicate()[0]) for process in started]


@pytest.mark.parametrize("behind", [None, *known_revisions()[:-1]])
def test_nodes_that_update_the_tables_at_once_wait_for_each_other(
    database_uri: str, behind: str | None, tmp_path: object, live_server: Callable[..., LiveServer]
) -> None:
    settings = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)}
    environment = server_environment(settings)
    if behind is not None:
        run_flask("db", "upgrade", behind, environment=environment)

    outcomes = upgrade_at_once(environment)

    assert [status for status, _printed in outcomes] == [0] * NODES, outcomes
    engine = create_engine(database_uri)
    assert find_revision(engine) == known_revisions()[-1]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM oauth2_alembic_version")) == 1
    engine.dispose()
    nodes = [live_server("granian", settings, initdb=number == 0) for number in range(2)]
    for node in nodes:
        assert requests.get(f"{node.url}/readyz", timeout=10).status_code == 200


def test_while_another_node_updates_the_tables_one_waits_and_then_finds_it_done(
    create_database: Callable[[], str],
) -> None:
    """The lock is held by hand, so that the waiting is seen and not only hoped for."""
    uri = create_database()
    engine = create_engine(uri)
    environment = server_environment({"SQLALCHEMY_DATABASE_URI": uri})
    with engine.connect() as holder:
        holder.execute(text("SELECT pg_advisory_lock(67497636)"))
        holder.commit()
        waiting = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(6)
        assert find_revision(engine) is None
        holder.execute(text("SELECT pg_advisory_unlock(67497636)"))
        holder.commit()
    assert waiting.wait(60) == 0
    assert find_revision(engine) == known_revisions()[-1]
    engine.dispose()
