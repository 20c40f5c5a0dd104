"""A server killed while it writes: what it acknowledged is there afterwards, and nothing is half-written (X1)."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.live_server import server_environment, start_server
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.ports import reserve_port
from tests.support.token_requests import MachineClient, Provider, open_provider
from tests.survival.ledger import GRANT_TYPES, USERS, Load

CODES = 10
#: Acknowledged answers before the server is killed, however slow the machine is today.
ENOUGH = 30
#: A code names its grant only together with that grant's row.
ORPHANS = (
    'SELECT count(*) FROM oauth2_authorization_code WHERE used_at IS NOT NULL AND "grant" IS NOT NULL'
    ' AND "grant" NOT IN (SELECT id FROM oauth2_grant)'
)


def draw_codes(provider: Provider, client: MachineClient) -> list[tuple[str, str]]:
    """Return codes and their verifiers, from a browser at the provider of this process."""
    person = Person(provider.application.test_client())
    person.log_in(USERS[0])
    drawn = []
    for _ in range(CODES):
        pkce = Pkce()
        drawn.append((code_of(person.allow(client.client_id, scope="profile", **pkce.parameters)), pkce.verifier))
    return drawn


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.soak)])
def test_what_was_acknowledged_survives_kill_9(
    rounds: int, database_uri: str, run_folder: Path, tmp_path: Path
) -> None:
    port = reserve_port(run_folder)
    shared = {"OAUTH2_ISSUER": f"http://127.0.0.1:{port}", "OAUTH2_SQLITE_SYNCHRONOUS": "FULL"}
    environment = server_environment(
        {"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path), **shared}
    )
    acknowledged = 0
    with open_provider(tmp_path, database_uri, **shared) as witness:
        client = witness.create_client(
            *GRANT_TYPES, redirect_uris=[REDIRECT_URI], response_types=["code"], scope="profile"
        )
        for user in USERS:
            witness.create_user(user)
        for number in range(rounds):
            codes = draw_codes(witness, client)
            arguments = ("--workers", "2") if number % 2 else ()
            log = tmp_path / f"granian-{number}.log"
            node = start_server("granian", port=port, environment=environment, log_path=log, arguments=arguments)
            load = Load(node, client, codes, USERS)
            load.start()
            load.wait_for(ENOUGH)
            time.sleep(random.uniform(0, 0.5))
            node.end(abruptly=True)
            load.wait()

            assert load.refusals == []
            assert load.ledger.find_false(witness, client) == []
            with witness.server.database.engine.connect() as connection:
                assert connection.scalar(text(ORPHANS)) == 0
                if database_uri.startswith("sqlite"):
                    assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            acknowledged += len(load.ledger)
    print(f"{rounds} rounds, {acknowledged} acknowledged answers, none lost")
