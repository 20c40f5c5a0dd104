"""PostgreSQL that crashes under load: nothing acknowledged is lost, and service resumes by itself. Long form only."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support.live_server import run_command, server_environment, start_server
from tests.support.ports import reserve_port
from tests.support.postgres import own_cluster
from tests.support.token_requests import open_provider
from tests.survival.ledger import GRANT_TYPES, USERS, Load

RESTARTS = 10
#: Answers between two crashes.
ENOUGH = 100


@pytest.mark.soak
def test_what_was_acknowledged_survives_crashes_of_postgresql(run_folder: Path, tmp_path: Path) -> None:
    port = reserve_port(run_folder)
    with own_cluster(run_folder) as cluster:
        uri = cluster.url(cluster.create_database())
        shared = {"OAUTH2_ISSUER": f"http://127.0.0.1:{port}"}
        environment = server_environment(
            {"SQLALCHEMY_DATABASE_URI": uri, "OAUTH2_INSTANCE_PATH": str(tmp_path), **shared}
        )
        run_command("initdb", environment=environment)
        with open_provider(tmp_path, uri, **shared) as before:
            client = before.create_client(*GRANT_TYPES, scope="profile")
            for user in USERS:
                before.create_user(user)
        node = start_server("granian", port=port, environment=environment, log_path=tmp_path / "node.log")
        load = Load(node, client, [], USERS)
        load.start()
        for _ in range(RESTARTS):
            load.wait_for(len(load.ledger) + ENOUGH)
            time.sleep(random.uniform(0, 0.5))
            cluster.restart()
        load.wait_for(len(load.ledger) + ENOUGH)
        node.end(abruptly=True)
        load.wait()

        print(f"{RESTARTS} crashes, {len(load.ledger)} acknowledged answers, {len(load.refusals)} refused")
        assert [refusal for refusal in load.refusals if ": 503 " not in refusal] == []
        with open_provider(tmp_path, uri, **shared) as after:
            assert load.ledger.find_false(after, client) == []
