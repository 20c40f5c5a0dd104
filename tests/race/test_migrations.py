"""Nodes that update the tables at once: one does it, the others wait (X8)."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import Connection, create_engine, text

from tests.support.live_server import (
    REPOSITORY,
    LiveServer,
    close_database,
    environment_of,
    run_command,
    server_environment,
)
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website.app import create_app
from website.database.schema import find_revision, known_revisions

pytestmark = pytest.mark.race
NODES = 4
#: Another connection to the database that asked for the lock, or ended the transaction in which it did.
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND (query LIKE 'SELECT pg_try_advisory_lock(%' OR query = 'COMMIT')"
)


def upgrade(environment: dict[str, str]) -> str:
    """Run `flask db upgrade` in a node's process; return what went wrong."""
    os.environ.clear()
    os.environ.update(environment)
    try:
        run_command("db", "upgrade", environment=environment)
    except RuntimeError as error:
        return f"{error} {error.__cause__!r}"
    return ""


@pytest.fixture(scope="module")
def upgrade_at_once() -> Iterator[Callable[[dict[str, str]], list[str]]]:
    """Run `flask db upgrade` in several processes at once; return what went wrong in each.

    The processes are forked from one that has loaded the application: to start each takes longer than all it does.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(NODES, maxtasksperchild=1) as nodes:

        def run(environment: dict[str, str]) -> list[str]:
            return nodes.map(upgrade, [environment] * NODES, chunksize=1)

        yield run


@pytest.mark.parametrize("behind", [None, pytest.param("0001", marks=pytest.mark.soak), known_revisions()[-2]])
def test_nodes_that_update_the_tables_at_once_wait_for_each_other(
    database_uri: str, behind: str | None, tmp_path: Path, upgrade_at_once: Callable[[dict[str, str]], list[str]]
) -> None:
    environment = server_environment({"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)})
    if behind is not None:
        run_command("db", "upgrade", behind, environment=environment)

    assert upgrade_at_once(environment) == [""] * NODES

    engine = create_engine(database_uri)
    assert find_revision(engine) == known_revisions()[-1]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM oauth2_alembic_version")) == 1
    engine.dispose()
    run_command("initdb", environment=environment)
    with environment_of(environment):
        application = create_app()
        assert application.test_client().get("/readyz").status_code == 200
        close_database(application)


@pytest.mark.soak
def test_two_nodes_are_ready_on_tables_that_others_made(
    database_uri: str,
    tmp_path: Path,
    upgrade_at_once: Callable[[dict[str, str]], list[str]],
    live_server: Callable[..., LiveServer],
) -> None:
    settings = {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)}
    assert upgrade_at_once(server_environment(settings)) == [""] * NODES
    nodes = [live_server("granian", settings, initdb=number == 0) for number in range(2)]
    for node in nodes:
        assert requests.get(f"{node.url}/readyz", timeout=ANSWER_SECONDS).status_code == 200


def is_waiting(connection: Connection) -> bool:
    """Tell whether a process asks for its turn."""
    count = connection.scalar(WAITING)
    connection.commit()  # or the next look would see the same
    return count >= 1


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
        # Until it waits, seen from the database itself.
        wait_until(lambda: is_waiting(holder), 120)
        assert find_revision(engine) is None
        assert waiting.poll() is None
        holder.execute(text("SELECT pg_advisory_unlock(67497636)"))
        holder.commit()
    assert waiting.wait(ANSWER_SECONDS) == 0
    assert find_revision(engine) == known_revisions()[-1]
    engine.dispose()
