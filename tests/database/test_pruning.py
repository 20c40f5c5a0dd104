"""Pruning: what has run out goes, in batches; nothing that still works is touched (X11)."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
import time_machine
from flask import Flask
from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from tests.support.live_server import LiveServer
from tests.support.person import REDIRECT_URI, Person, Pkce, code_of
from tests.support.token_requests import MachineClient, Provider
from tests.support.waiting import ANSWER_SECONDS
from website.database import pruning
from website.database.pruning import Pruning
from website.identifiers import new_identifier
from website.models.base import Base, UtcSeconds
from website.models.revoked_token import RevokedToken
from website.settings import Settings

BEGIN = 1_800_000_000
DAY = 86400
#: Long enough for the short-lived rows to be dead, short enough for refresh tokens, consents and keys to live.
TWO_DAYS = 2 * DAY + 120


@pytest.fixture
def provider(create_application: Callable[..., Flask], database_uri: str) -> Provider:
    return Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri))


def create_client(provider: Provider) -> MachineClient:
    grants = ("authorization_code", "refresh_token", "password", "client_credentials")
    return provider.create_client(*grants, redirect_uris=[REDIRECT_URI], response_types=["code"], scope="profile")


def prune(provider: Provider, *options: str) -> dict[str, int]:
    """Run the command; return what it says that it deleted, without the tables from which it deleted nothing."""
    ran = provider.application.test_cli_runner().invoke(args=["prune", "--json", *options])
    assert ran.exit_code == 0, ran.output
    return {name: count for name, count in json.loads(ran.stdout).items() if count}


def count_rows(provider: Provider) -> dict[str, int]:
    with provider.server.database.engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def live_through(provider: Provider, client: MachineClient) -> dict[str, Any]:
    """Leave a row of every kind behind; return the tokens."""
    person = Person(provider.application.test_client())
    person.log_in("alice")
    pkce = Pkce()
    code = code_of(person.allow(client.client_id, **pkce.parameters))
    code_of(person.allow(client.client_id, **pkce.parameters))  # nobody redeems this one
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
    given = provider.post("/oauth/token", {**fields, "redirect_uri": REDIRECT_URI}, client).json
    provider.revoke(client, provider.get_token(client)["access_token"])
    provider.server.clients.rotate_secret(client.row, 0)
    for _ in range(2):
        provider.server.keys.rotate("signing", 900)
    with provider.server.database.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO oauth2_login_throttle VALUES ('x', 'account', 1, :now, :now)"), {"now": int(time.time())}
        )
    return given


def test_what_has_run_out_goes_and_what_lives_stays(provider: Provider) -> None:
    with time_machine.travel(BEGIN, tick=False) as traveller:
        client = create_client(provider)
        given = live_through(provider, client)
        before = count_rows(provider)

        assert prune(provider) == {}
        assert count_rows(provider) == before

        traveller.shift(TWO_DAYS)
        assert prune(provider, "--dry-run") == prune(provider)
        after = count_rows(provider)
        gone = {name for name, count in before.items() if after[name] < count}
        assert gone == {
            "oauth2_authorization_request", "oauth2_authorization_code", "oauth2_revoked_token", "oauth2_session",
            "oauth2_login_throttle", "oauth2_client_secret", "oauth2_key",
        }  # fmt: skip
        # The refresh token lives thirty days unused, and its consent a year.
        assert after["oauth2_grant"] == after["oauth2_consent"] == 1
        secret = provider.server.clients.rotate_secret(client.row, 0)
        client = MachineClient(client.client_id, secret, client.row, client.method)
        given = provider.refresh(client, given["refresh_token"]).json
        assert provider.is_active(client, given["access_token"])

        traveller.shift(provider.server.settings.refresh_token_idle_seconds - 61)
        assert "oauth2_grant" not in prune(provider)
        traveller.shift(provider.server.settings.access_token_seconds + 200)
        assert provider.refresh(client, given["refresh_token"]).status == 400
        assert prune(provider)["oauth2_grant"] == 1
        traveller.shift(400 * DAY)
        pruned = prune(provider)
        assert pruned["oauth2_consent"] == 1
        assert pruned["oauth2_event"] > 0


def test_a_replay_is_recognised_until_a_day_after_the_code_expired(provider: Provider) -> None:
    with time_machine.travel(BEGIN, tick=False) as traveller:
        client = create_client(provider)
        person = Person(provider.application.test_client())
        person.log_in("alice")
        pkce = Pkce()
        code = code_of(person.allow(client.client_id, **pkce.parameters))
        fields = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
        given = provider.post("/oauth/token", {**fields, "redirect_uri": REDIRECT_URI}, client).json
        traveller.shift(DAY)
        prune(provider)
        assert provider.post("/oauth/token", {**fields, "redirect_uri": REDIRECT_URI}, client).status == 400
        assert provider.refresh(client, given["refresh_token"]).status == 400


def test_a_revoked_grant_is_kept_a_day_and_then_goes(provider: Provider) -> None:
    with time_machine.travel(BEGIN, tick=False) as traveller:
        client = create_client(provider)
        given = provider.log_in(client)
        provider.revoke(client, given["refresh_token"])
        traveller.shift(DAY)
        assert "oauth2_grant" not in prune(provider)
        traveller.shift(120)
        assert prune(provider)["oauth2_grant"] == 1


def fill(provider: Provider, rows: int) -> None:
    """Have so many access tokens that were revoked and have expired."""
    numbers = "generate_series(1, :rows) AS n"
    if provider.server.database.engine.dialect.name == "sqlite":
        numbers = "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :rows) SELECT n FROM c)"
    insert = f"INSERT INTO oauth2_revoked_token (jti, expires_at) SELECT 'jti ' || n, 1000 + n % 1000 FROM {numbers}"
    with provider.server.database.engine.begin() as connection:
        connection.execute(text(insert), {"rows": rows})


def test_each_slice_is_a_transaction_of_its_own(provider: Provider) -> None:
    fill(provider, 25)
    expired = Pruning(provider.server.database, provider.server.settings, batch=10)
    assert expired.count(RevokedToken) == 25
    slices = expired.delete(RevokedToken)
    assert next(slices) == 10
    assert count_rows(provider)["oauth2_revoked_token"] == 15
    assert list(slices) == [10, 5]


def test_the_walk_along_the_primary_key_misses_no_row(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "RANGE_ROWS", 10)
    for rows in (1, 9, 10, 11, 35):
        fill(provider, rows)
        live = "INSERT INTO oauth2_revoked_token (jti, expires_at) VALUES (:jti, 9000000000)"
        with provider.server.database.engine.begin() as connection:
            connection.execute(text(live), [{"jti": f"jti {number} lives"} for number in range(rows)])
        assert prune(provider) == {"oauth2_revoked_token": rows}
        with provider.server.database.engine.begin() as connection:
            assert connection.execute(text("DELETE FROM oauth2_revoked_token")).rowcount == rows


def test_a_stopped_prune_says_what_it_deleted_and_the_next_continues(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(provider, 60)
    signals = iter([signal.SIGTERM])

    def stop_after_the_first_slice(pause: float) -> None:
        for number in signals:
            signal.raise_signal(number)

    # In that module alone: threads that sleep would spin otherwise.
    monkeypatch.setattr(pruning, "time", SimpleNamespace(sleep=stop_after_the_first_slice, monotonic=time.monotonic))
    ran = provider.application.test_cli_runner().invoke(args=["prune", "--json", "--batch", "25"])
    assert ran.exit_code == 0, ran.output
    assert "Stopped early" in ran.stderr
    first = json.loads(ran.stdout)["oauth2_revoked_token"]
    assert 0 < first < 60
    assert count_rows(provider)["oauth2_revoked_token"] == 60 - first
    [event] = provider.server.audit.list(events=["database_pruned"])
    assert event.detail == {"oauth2_revoked_token": first}
    assert prune(provider) == {"oauth2_revoked_token": 60 - first}


def test_two_who_prune_at_once_do_no_harm(provider: Provider) -> None:
    fill(provider, 3000)
    counts: list[int] = []

    def run() -> None:
        counts.append(sum(Pruning(provider.server.database, provider.server.settings, batch=100).delete(RevokedToken)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 3000
    assert count_rows(provider)["oauth2_revoked_token"] == 0


def test_it_is_noted_what_was_pruned(provider: Provider) -> None:
    fill(provider, 3)
    prune(provider)
    [event] = provider.server.audit.list(events=["database_pruned"])
    assert event.detail == {"oauth2_revoked_token": 3}
    prune(provider)
    assert len(provider.server.audit.list(events=["database_pruned"])) == 1


def test_every_table_that_can_run_out_is_pruned(provider: Provider) -> None:
    ends = {table.name for table in Base.metadata.sorted_tables if "expires_at" in table.c}
    pruned = [model.__tablename__ for model in Pruning(provider.server.database, provider.server.settings).models]
    assert ends | {"oauth2_event", "oauth2_client", "oauth2_client_activity", "oauth2_former_key"} == set(pruned)
    places = {name: place for place, name in enumerate(pruned)}
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            other = key.column.table.name
            if table.name in places and other in places and other != table.name:
                assert places[table.name] < places[other], f"{table.name} refers to {other}"


def test_nothing_that_lives_meets_a_condition(provider: Provider) -> None:
    """Each condition, read as SQL, keeps a row whose every moment lies within the clocks' difference."""
    pruning = Pruning(provider.server.database, Settings(demo=True))
    with time_machine.travel(time.time(), tick=False):
        live_through(provider, create_client(provider))
        assert [model for model in pruning.models if pruning.count(model)] == []


@pytest.fixture
def own_table() -> Iterator[type[Base]]:
    """A table of a specification of one's own: an expiry, and a key of two columns."""

    members = {
        "__tablename__": "own_note",
        "__annotations__": {"writer": Mapped[str], "number": Mapped[int], "expires_at": Mapped[UtcSeconds]},
        "writer": mapped_column(primary_key=True),
        "number": mapped_column(primary_key=True),
    }
    # Each test has a class of its own: SQLAlchemy forgets a table, but no class.
    model = cast(type[Base], type(f"OwnNote{new_identifier()}", (Base,), members))
    yield model
    Base.metadata.remove(cast(Table, model.__table__))


def test_a_new_table_with_an_expiry_is_pruned_without_being_named_anywhere(
    provider: Provider, own_table: type[Base]
) -> None:
    table = cast(Table, own_table.__table__)
    now = int(time.time())
    rows = [{"writer": "ann", "number": number, "expires_at": now - 1000 + 1100 * (number % 2)} for number in range(20)]
    with provider.server.database.engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert(), rows)

    assert prune(provider, "--batch", "3") == {"own_note": 10}

    with provider.server.database.engine.connect() as connection:
        assert {row.number % 2 for row in connection.execute(table.select())} == {1}


@pytest.mark.soak
def test_tokens_are_given_as_quickly_while_rows_are_pruned(
    provider: Provider, live_server: Callable[..., LiveServer]
) -> None:
    rows = 100_000
    settings = {"SQLALCHEMY_DATABASE_URI": provider.application.config["SQLALCHEMY_DATABASE_URI"]}
    node = live_server("granian", settings, initdb=False)
    client = create_client(provider)
    provider.create_user()
    fill(provider, rows)
    stop, seconds, failed = threading.Event(), [], []

    def ask() -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not stop.is_set():
                began = time.monotonic()
                fields = {"grant_type": "password", "username": "alice", "password": "valid"}
                headers = {"Authorization": client.basic}
                answer = session.post(f"{node.url}/oauth/token", fields, headers=headers, timeout=ANSWER_SECONDS)
                seconds.append(time.monotonic() - began)
                if answer.status_code != 200:
                    failed.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(5)
    before, began = sorted(seconds), time.monotonic()
    seconds.clear()
    node.run_command("prune")
    took, during = time.monotonic() - began, sorted(seconds)
    stop.set()
    for thread in threads:
        thread.join()

    p99 = [timed[int(len(timed) * 0.99)] * 1000 for timed in (before, during)]
    print(f"{rows} rows in {took:.0f} s; p99 {p99[0]:.0f} ms before, {p99[1]:.0f} ms meanwhile; {len(during)} tokens")
    assert failed == []
    assert count_rows(provider)["oauth2_revoked_token"] == 0
    assert p99[1] < 1000
