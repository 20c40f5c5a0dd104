"""The database under pressure: a lock that is held, a server that is gone (X6)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from tests.support.token_requests import Provider
from website.database import connection as database


@pytest.mark.parametrize("synchronous", ["NORMAL", "FULL"])
def test_a_writer_that_waits_too_long_answers_503_and_readers_go_on(
    synchronous: str, create_application: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_BUSY_SECONDS", 0.25)
    provider = Provider(create_application(OAUTH2_SQLITE_SYNCHRONOUS=synchronous))
    client = provider.create_client("password", "refresh_token", "client_credentials", scope="profile")
    tokens = provider.log_in(client)
    with closing(sqlite3.connect(tmp_path / "db.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for answer in (
            provider.ask_token(client, "password", username="alice", password="valid"),
            provider.refresh(client, tokens["refresh_token"]),
            provider.revoke(client, tokens["access_token"]),
        ):
            assert (answer.status, answer.error) == (503, "temporarily_unavailable")
            assert answer.headers["Retry-After"]
        page = provider.open("POST", "/oauth/authorize", data={"client_id": "x"}, headers={"Accept": "text/html"})
        assert page.status == 400
        assert provider.is_active(client, tokens["access_token"])
        assert provider.ask_token(client).status == 200
        holder.execute("ROLLBACK")
    assert provider.refresh(client, tokens["refresh_token"]).status == 200


def test_sqlite_is_set_up_for_durability_and_foreign_keys(create_application: Callable[..., Flask]) -> None:
    for mode, number in (("FULL", 2), ("NORMAL", 1)):
        engine = Provider(
            create_application(initdb=mode == "FULL", OAUTH2_SQLITE_SYNCHRONOUS=mode)
        ).server.database.engine
        with engine.connect() as connection:
            read = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
            }
        assert read == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": number, "busy_timeout": 5000}


def test_a_database_that_is_out_of_reach_is_503_everywhere(create_application: Callable[..., Flask]) -> None:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/nothing?connect_timeout=2"
    provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=nowhere, initdb=False))
    answer = provider.post("/oauth/token", {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"})
    assert (answer.status, answer.error) == (503, "temporarily_unavailable")
    page = provider.get("/oauth/authorize?client_id=x&response_type=code", Accept="text/html")
    assert page.status == 503
    assert b"Traceback" not in page.body
