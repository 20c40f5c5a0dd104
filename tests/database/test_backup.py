"""The restore drill: a copy taken from a live server answers as the original did (X12)."""

from __future__ import annotations

import fcntl
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import event, make_url, text

from tests.support.person import REDIRECT_URI, Person
from tests.support.token_requests import MachineClient, Provider
from tests.support.waiting import ANSWER_SECONDS
from website.cli.stop_signals import interrupted_by_sigterm
from website.database import DatabaseUnavailableError
from website.database.backup import back_up as copy_of
from website.database.sqlite_files import LOOK_SECONDS
from website.keys.storage_readiness import find_storage_problem
from website.wsgi.health import CHECK_SECONDS

KEY = "Rk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY"
SETTINGS = {
    "OAUTH2_KEY_ENCRYPTION_KEY": KEY,
    "SECRET_KEY": "zJ4w9QmX1cRk7fTbV0aYh3LsUe6nPd8G",
    "OAUTH2_ISSUER": "http://127.0.0.1:5000",
}


@pytest.fixture
def provider(create_application: Callable[..., Flask], database_uri: str) -> Provider:
    return Provider(create_application(SQLALCHEMY_DATABASE_URI=database_uri, **SETTINGS))


def back_up(provider: Provider, file: Path, *options: str) -> str:
    ran = provider.application.test_cli_runner().invoke(args=["backup", str(file), *options])
    assert ran.exit_code == 0, ran.output
    return str(ran.stdout)


def restore(file: Path, folder: Path, create_database: Callable[[], str], dialect: str) -> str:
    """Do what the guide says, into a new database; return its address."""
    if dialect == "sqlite":
        shutil.copy(file, folder / "restored.sqlite")
        return f"sqlite:///{folder}/restored.sqlite"
    uri = create_database()
    url = make_url(uri)
    environment = {"PGHOST": url.host or str(url.query.get("host", "")), "PGUSER": url.username or ""}
    environment |= {"PGPORT": str(url.port or url.query.get("port", "")), "PGPASSWORD": url.password or ""}
    command = ["pg_restore", "--no-owner", "--exit-on-error", "-d", str(url.database), str(file)]
    subprocess.run(command, check=True, env={"PATH": "/usr/bin:/bin", **{k: v for k, v in environment.items() if v}})
    return uri


def test_a_restored_copy_answers_as_the_original_did(
    provider: Provider, create_application: Callable[..., Flask], create_database: Callable[[], str], tmp_path: Path
) -> None:
    client = provider.create_client(
        "password", "refresh_token", "client_credentials", redirect_uris=[REDIRECT_URI], scope="profile"
    )
    person = Person(provider.application.test_client())
    person.log_in("alice")
    cookie = person.door.get_cookie("grantwright")
    alive = [provider.log_in(client) for _ in range(5)]
    own = provider.get_token(client)["access_token"]
    revoked = provider.log_in(client)
    provider.revoke(client, revoked["refresh_token"])
    stop = threading.Event()
    written: list[str] = []

    def write_on() -> None:
        while not stop.is_set():
            written.append(provider.log_in(client)["access_token"])

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        file = tmp_path / "copy.backup"
        said = back_up(provider, file)
    finally:
        stop.set()
        writer.join()
    assert "verified" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert written

    dialect = provider.server.database.engine.dialect.name
    uri = restore(file, tmp_path, create_database, dialect)
    restored = Provider(create_application(SQLALCHEMY_DATABASE_URI=uri, **SETTINGS))

    for given in alive:
        token = given["access_token"]
        assert restored.introspect(client, token) == provider.introspect(client, token)
        assert restored.get("/api/me", Authorization=f"Bearer {token}").json["username"] == "alice"
        assert restored.refresh(client, given["refresh_token"]).status == 200
    assert restored.is_active(client, own)
    assert not restored.is_active(client, revoked["access_token"])
    assert restored.refresh(client, revoked["refresh_token"]).status == 400
    browser = restored.application.test_client()
    browser.set_cookie("grantwright", cookie.value)
    assert "alice" in Person(browser).get("/").text


def test_a_copy_is_never_written_over_another_unasked(provider: Provider, tmp_path: Path) -> None:
    file = tmp_path / "copy.backup"
    file.write_text("precious")
    ran = provider.application.test_cli_runner().invoke(args=["backup", str(file)])
    assert (ran.exit_code, file.read_text()) == (1, "precious")
    assert "already exists" in ran.output
    back_up(provider, file, "--overwrite")
    assert file.read_bytes()[:6] in (b"SQLite", b"PGDMP\x01")


def test_a_copy_that_fails_leaves_nothing_behind(provider: Provider, tmp_path: Path) -> None:
    ran = provider.application.test_cli_runner().invoke(args=["backup", str(tmp_path / "nowhere" / "copy.backup")])
    assert ran.exit_code == 1
    assert "The backup failed" in ran.output
    assert "Traceback" not in ran.output
    assert not list(tmp_path.rglob("*copy.backup*"))


def test_it_is_noted(provider: Provider, tmp_path: Path) -> None:
    back_up(provider, tmp_path / "copy.backup")
    [event] = provider.server.audit.list(events=["database_backed_up"])
    assert event.actor is not None
    assert event.actor.startswith("command:")


def test_a_copy_of_sqlite_is_one_whole_file(create_application: Callable[..., Flask], tmp_path: Path) -> None:
    own = Provider(create_application(**SETTINGS))
    client: MachineClient = own.create_client("password", "refresh_token")
    own.log_in(client)
    back_up(own, tmp_path / "copy.sqlite")
    assert not list(tmp_path.glob("copy.sqlite-*"))
    with sqlite3.connect(tmp_path / "copy.sqlite") as copy:
        assert copy.execute("SELECT count(*) FROM oauth2_grant").fetchone() == (1,)
    copy.close()


def test_a_copy_is_of_one_moment_however_much_is_written_meanwhile(
    create_application: Callable[..., Flask], tmp_path: Path
) -> None:
    own = Provider(create_application(**SETTINGS))
    engine = own.server.database.engine
    numbers = (
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT 'jti ' || n, 9e9 FROM c"
    )
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO oauth2_revoked_token (jti, expires_at) {numbers}"))
    steps: list[tuple[int, int]] = []

    def write(copied: int, pages: int) -> None:
        steps.append((copied, pages))
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM oauth2_revoked_token WHERE jti = :jti"), {"jti": f"jti {len(steps)}"})

    copy_of(engine, tmp_path / "copy.sqlite", on_progress=write)
    assert len(steps) > 1
    assert [copied for copied, _pages in steps] == sorted({copied for copied, _pages in steps}), "it started over"
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as copy:
        assert copy.execute("SELECT count(*) FROM oauth2_revoked_token").fetchone() == (20000,)


def test_a_stopped_backup_leaves_nothing_behind(create_application: Callable[..., Flask], tmp_path: Path) -> None:
    own = Provider(create_application(**SETTINGS))
    with pytest.raises(KeyboardInterrupt), interrupted_by_sigterm():
        copy_of(
            own.server.database.engine,
            tmp_path / "copies.backup",
            on_progress=lambda *_: signal.raise_signal(signal.SIGTERM),
        )
    assert not list(tmp_path.glob("*copies.backup*"))
    assert not list(tmp_path.glob(".*copies.backup*"))


def test_drafts_of_killed_backups_are_deleted_and_those_of_running_ones_kept(
    provider: Provider, tmp_path: Path
) -> None:
    abandoned, running = tmp_path / ".copy.backup.00000000", tmp_path / ".copy.backup.11111111"
    others = tmp_path / ".another.backup.22222222"
    for draft in (abandoned, running, others):
        draft.touch()
    with running.open() as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        back_up(provider, tmp_path / "copy.backup")
    assert [draft.exists() for draft in (abandoned, running, others)] == [False, True, True]


def test_a_process_that_has_the_former_file_open_says_so_and_a_worker_ends(
    create_application: Callable[..., Flask], tmp_path: Path
) -> None:
    file = tmp_path / "db.sqlite"
    provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=f"sqlite:///{file}", **SETTINGS))
    back_up(provider, tmp_path / "copy")
    person = Person(provider.application.test_client())
    assert person.get("/readyz").status == 200
    ran: list[Result] = []
    worker = threading.Thread(target=lambda: ran.append(provider.application.test_cli_runner().invoke(args=["worker"])))
    worker.start()
    (tmp_path / "copy").replace(file)  # at once, so that no connection is opened while there is no file
    worker.join(ANSWER_SECONDS)
    assert ran
    assert (ran[0].exit_code, "was replaced" in ran[0].output) == (1, True), ran[0].output
    time.sleep(CHECK_SECONDS)
    assert person.get("/readyz").status == 503


@pytest.mark.parametrize("is_replaced", [True, False], ids=["replaced", "deleted"])
def test_no_connection_is_opened_to_another_file_while_the_former_is_in_use(
    create_application: Callable[..., Flask], tmp_path: Path, is_replaced: bool
) -> None:
    file, shared_memory = tmp_path / "db.sqlite", tmp_path / "db.sqlite-shm"
    provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=f"sqlite:///{file}", **SETTINGS))
    client = provider.create_client("client_credentials")
    back_up(provider, tmp_path / "copy")
    database = provider.server.database
    database.engine.dispose()
    former = database.connections.take()  # the only one: the next has to be opened
    shared = shared_memory.stat()
    if is_replaced:
        (tmp_path / "copy").replace(file)
    else:
        file.unlink()
    with pytest.raises(DatabaseUnavailableError) as refused:
        database.connections.take()
    assert "was replaced or deleted" in refused.value.reason
    assert file.exists() is is_replaced
    assert (shared_memory.stat().st_ino, shared_memory.stat().st_size) == (shared.st_ino, shared.st_size)
    assert former.execute("SELECT count(*) FROM oauth2_client").fetchone() == (1,)  # the memory it shares is there
    answer = provider.ask_token(client)
    assert (answer.status, "Retry-After" in answer.headers) == (503, True)
    database.connections.pool.give_back(former)


def test_nothing_more_is_written_to_the_former_file(create_application: Callable[..., Flask], tmp_path: Path) -> None:
    settings = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/db.sqlite", **SETTINGS}
    provider = Provider(create_application(**settings))
    client = provider.create_client("password", "refresh_token", redirect_uris=[REDIRECT_URI], scope="profile")
    tokens = provider.log_in(client)
    back_up(provider, tmp_path / "copy")
    (tmp_path / "copy").replace(tmp_path / "db.sqlite")
    time.sleep(LOOK_SECONDS)
    answers = [provider.refresh(client, tokens["refresh_token"]) for _ in range(3)]
    answers.append(provider.get("/api/me", Authorization=f"Bearer {tokens['access_token']}"))
    assert [(answer.status, "Retry-After" in answer.headers) for answer in answers] == [(503, True)] * 4
    provider.server.database.engine.dispose()
    restarted = Provider(create_application(initdb=False, **settings))
    assert (tmp_path / "db.sqlite-wal").stat().st_size  # SQLite leaves it, as its file isn't there
    assert restarted.refresh(client, tokens["refresh_token"]).status == 503
    assert "delete db.sqlite-wal and db.sqlite-shm" in find_storage_problem(
        restarted.server.database, restarted.server.keys
    )
    for name in ("db.sqlite-wal", "db.sqlite-shm"):
        (tmp_path / name).unlink()
    assert restarted.refresh(client, tokens["refresh_token"]).status == 200


def test_files_copied_together_are_used_once_that_is_said(
    create_application: Callable[..., Flask], tmp_path: Path
) -> None:
    former, copied = tmp_path / "former", tmp_path / "copied"
    former.mkdir()
    provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=f"sqlite:///{former}/db.sqlite", **SETTINGS))
    client = provider.create_client("client_credentials")
    shutil.copytree(former, copied)
    assert (copied / "db.sqlite-wal").stat().st_size
    settings = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{copied}/db.sqlite", **SETTINGS}
    other = Provider(create_application(initdb=False, **settings))
    assert other.ask_token(client).status == 503
    (copied / "db.sqlite-inode").unlink()
    assert other.ask_token(client).status == 200
    assert stat.S_IMODE((copied / "db.sqlite-inode").stat().st_mode) == 0o600


def test_a_file_replaced_while_a_connection_is_being_opened_is_left_alone(
    create_application: Callable[..., Flask], tmp_path: Path
) -> None:
    file = tmp_path / "db.sqlite"
    provider = Provider(create_application(SQLALCHEMY_DATABASE_URI=f"sqlite:///{file}", **SETTINGS))
    back_up(provider, tmp_path / "copy")
    database = provider.server.database
    database.engine.dispose()
    former = database.connections.take()
    event.listen(database.engine, "do_connect", lambda *_: (tmp_path / "copy").replace(file) and None)
    with pytest.raises(DatabaseUnavailableError) as refused:
        database.connections.take()
    assert "was replaced or deleted" in refused.value.reason
    assert former.execute("SELECT count(*) FROM oauth2_client").fetchone() == (0,)
    database.connections.pool.give_back(former)
