"""One pool for everything: its limit, a fork, a closed connection, a transaction left open, a host's own engine."""

from __future__ import annotations

import gc
import sqlite3
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import psycopg
import pytest
import requests
from flask import Flask
from sqlalchemy import QueuePool, String, bindparam, cast, event, func, make_url, select, text, update

from tests.support.embedding_host import Host
from tests.support.live_server import LiveServer
from tests.support.token_requests import MachineClient, Provider, open_provider
from tests.support.waiting import ANSWER_SECONDS, wait_until
from website.app import create_app
from website.database import DatabaseUnavailableError, Statement
from website.database.connection_pool import ConnectionPool
from website.models.user import User

OPTIONS = {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.1}


@pytest.fixture
def node(create_application: Callable[..., Flask], database_uri: str) -> Provider:
    return Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri, SQLALCHEMY_ENGINE_OPTIONS=OPTIONS))


@pytest.fixture
def client(node: Provider) -> MachineClient:
    return node.create_client("password", "refresh_token", "client_credentials", scope="profile")


def test_sessions_and_statements_share_one_limit_and_those_that_find_no_connection_get_503(
    node: Provider, client: MachineClient
) -> None:
    token = node.log_in(client)["access_token"]
    with node.server.database.reading() as session, node.server.database.write():
        session.execute(text("SELECT 1"))
        answer = node.post("/oauth/introspect", {"token": token}, Authorization=client.basic)
        assert (answer.status, answer.error) == (503, "temporarily_unavailable")
        assert answer.headers["Retry-After"]
        assert node.ask_token(client).status == 200  # needs no database
    assert node.is_active(client, token)
    with pytest.raises(DatabaseUnavailableError), ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(node.server.database.reading()).execute(text("SELECT 1"))


def test_a_thread_waits_for_a_connection_that_becomes_free(
    create_application: Callable[..., Flask], database_uri: str
) -> None:
    options = {**OPTIONS, "pool_timeout": 30}
    node = Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri, SQLALCHEMY_ENGINE_OPTIONS=options))
    client = node.create_client("password", scope="profile")
    token = node.log_in(client)["access_token"]
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(node.is_active(client, token))) for _ in range(4)]
    pool = node.server.database.pool
    taken = [pool.take(), pool.take()]
    for thread in threads:
        thread.start()
    for connection in taken:
        pool.give_back(connection)
    for thread in threads:
        thread.join()
    assert answers == [True] * 4


def test_a_connection_left_in_a_transaction_serves_nobody_else(node: Provider, client: MachineClient) -> None:
    token = node.log_in(client)["access_token"]
    begin = "BEGIN IMMEDIATE" if node.server.database.engine.dialect.name == "sqlite" else "BEGIN"
    connection = node.server.database.pool.take()
    connection.execute(begin)
    node.server.database.pool.give_back(connection)
    assert node.is_active(client, token)
    assert node.revoke(client, token).status == 200
    assert not node.is_active(client, token)


def test_a_connection_whose_driver_was_interrupted_serves_nobody_else(node: Provider) -> None:
    opened: list[object] = []
    event.listen(node.server.database.engine, "connect", lambda driver, _record: opened.append(driver))
    find = Statement(select(cast(bindparam("name"), String)))
    with pytest.raises(UnicodeEncodeError):
        node.server.database.one(find, name="\ud800")
    assert node.server.database.one(find, name="a") == ("a",)
    with pytest.raises(UnicodeEncodeError), node.server.database.write() as writer:
        writer.one(find, name="\ud800")
    assert node.server.database.one(find, name="a") == ("a",)
    with pytest.raises(ZeroDivisionError), node.server.database.write() as writer:
        _ = 1 / 0
    assert node.server.database.one(find, name="a") == ("a",)
    assert len(opened) == 3  # the first one and one after each interruption


def test_one_statement_writes_and_returns_its_first_row(node: Provider) -> None:
    database = node.server.database
    node.server.users.create("bob")
    node.server.users.create("carol")
    rename = update(User).values(name=bindparam("new_name"))
    assert database.write_one(Statement(rename), new_name="Somebody") is None
    assert database.write_one(Statement(rename.returning(User.name)), new_name="Other") == ("Other",)
    with database.reading() as session:
        assert session.scalars(select(User.name)).all() == ["Other", "Other"]
    nobody = Statement(rename.where(User.id == -1).returning(User.name))
    assert database.write_one(nobody, new_name="Nobody") is None


def test_a_closed_connection_is_replaced_with_all_that_are_as_old(
    create_application: Callable[..., Flask], create_database: Callable[[], str]
) -> None:
    uri = create_database()
    node = Provider(create_application(SQLALCHEMY_DATABASE_URI=uri))
    pool, address = node.server.database.pool, make_url(uri).set(drivername="postgresql")
    in_use, *others = [pool.take() for _ in range(4)]
    for connection in others:
        pool.give_back(connection)
    with psycopg.connect(address.render_as_string(hide_password=False), autocommit=True) as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert node.get("/readyz").status == 200
        pool.give_back(in_use)
        assert all(connection.driver.closed for connection in (in_use, *others))
        assert node.server.database.one(Statement(select(func.count()).select_from(User))) == (0,)
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert administrator.execute(count).fetchone() == (1,)


def test_an_application_that_is_gone_leaves_no_connection_open(tmp_path: Path, database_uri: str) -> None:
    with open_provider(tmp_path, database_uri):
        pass
    settings = {"TESTING": True, "SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)}
    pool = create_app(settings).extensions["grantwright"].database.pool
    connections = [pool.take() for _ in range(2)]
    pool.give_back(connections.pop())
    drivers = [*pool._open_drivers]
    reference = weakref.ref(pool)
    del pool, connections
    gc.collect()
    gc.collect()  # the first one may only have run finalizers
    assert reference() is None
    assert len(drivers) == 2
    for driver in drivers:
        with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
            driver.execute("SELECT 1")


PRE_FORK = """
def pre_fork(server, worker):
    application = server.app.wsgi()
    database = application.extensions["grantwright"].database
    with application.app_context(), database.reading() as session, database.write():
        session.connection()  # two connections are open in the parent process
"""


def test_workers_of_gunicorns_preload_leave_the_parents_connections_alone(
    tmp_path: Path, database_uri: str, live_server: Callable[..., LiveServer]
) -> None:
    configuration = tmp_path / "gunicorn.py"
    configuration.write_text(PRE_FORK)
    options = ("--preload", "--config", str(configuration), "--workers", "2", "--threads", "4")
    server = live_server("gunicorn", {"SQLALCHEMY_DATABASE_URI": database_uri}, arguments=options)
    with ThreadPoolExecutor(8) as callers:
        answers = [
            *callers.map(lambda _: requests.get(f"{server.url}/", timeout=ANSWER_SECONDS).status_code, range(80))
        ]
    assert answers == [200] * 80
    for _ in range(2):  # gunicorn starts another worker from the same parent
        worker = psutil.Process(server.process.pid).children()[0]
        worker.kill()
        worker.wait(ANSWER_SECONDS)
        wait_until(lambda: requests.get(f"{server.url}/readyz", timeout=ANSWER_SECONDS).status_code == 200)
    assert "Traceback" not in server.log


def test_a_hosts_own_engine_is_left_as_it_is(tmp_path: Path, sqlite_uri: str) -> None:
    opened: list[str] = []

    def connect() -> sqlite3.Connection:
        opened.append(threading.current_thread().name)
        return sqlite3.connect(make_url(sqlite_uri).database or "", check_same_thread=False)

    host = Host(sqlite_uri, tmp_path, SQLALCHEMY_ENGINE_OPTIONS={"creator": connect, "pool_use_lifo": True})
    host.set_up()
    with host.app.app_context():
        engine = host.db.engine
    ours = host.provider.server.database.engine
    assert isinstance(engine.pool, QueuePool)
    assert isinstance(ours.pool, ConnectionPool)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 0
    ours.dispose()
    before = len(opened)
    assert host.provider.server.database.one(Statement(select(func.count()).select_from(User))) == (0,)
    assert len(opened) == before + 1
    host.close()
