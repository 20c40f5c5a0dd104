"""Group commit on SQLite: threads share one commit, an error is one member's own, a failed commit is everybody's."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, event, select, update

from tests.support.live_server import REPOSITORY
from tests.support.token_requests import Provider
from tests.support.waiting import ANSWER_SECONDS, seconds, wait_until
from website.database import DatabaseUnavailableError, Statement, group_commit
from website.database.group_commit import GroupCommit
from website.models.user import User
from website.users.usernames import UsernameError

RENAME = Statement(update(User).where(User.id == bindparam("id_")).values(name=bindparam("new_name")))
READ_NAME = Statement(select(User.name).where(User.id == bindparam("id_")))


class Node(Provider):
    """A provider on SQLite whose commits are counted."""

    def __init__(self, application: Flask) -> None:
        super().__init__(application)
        self.commits = 0
        self.database = self.server.database
        assert isinstance(self.database.transactions, GroupCommit)
        self.transactions = self.database.transactions
        self.database.engine.dispose()
        event.listen(self.database.engine, "connect", lambda driver, _record: driver.set_trace_callback(self._note))

    def _note(self, sql: str) -> None:
        self.commits += sql == "COMMIT"

    def name_of(self, user_id: str) -> str:
        row = self.database.one(READ_NAME, id_=int(user_id))
        assert row is not None
        return str(row[0])

    @contextmanager
    def together(self, *acts: Callable[[], object]) -> Iterator[list[Future[object]]]:
        """Have threads do something in one batch, in this order; yield their futures."""
        may_end = threading.Event()

        def begin() -> None:
            with self.database.write():
                assert may_end.wait(ANSWER_SECONDS)

        with ThreadPoolExecutor(len(acts) + 1) as threads:
            threads.submit(begin)
            wait_until(lambda: self.transactions.is_busy)
            futures: list[Future[object]] = []
            for number, act in enumerate(acts, 1):
                futures.append(threads.submit(act))
                wait_until(lambda number=number: self.transactions.waiting == number)  # type: ignore[misc]
            self.commits = 0
            may_end.set()
            yield futures


@pytest.fixture
def node(create_application: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> Node:
    # However long the machine takes, nobody ends a batch before all who wait to write are in it: neither because it is
    # old, nor because a member that looks finds the lock free, in the moment before the next one has it.
    monkeypatch.setattr(group_commit, "MAX_SECONDS", seconds(60))
    monkeypatch.setattr(group_commit, "LOOK_SECONDS", seconds(60))
    return Node(create_application(OAUTH2_SQLITE_SYNCHRONOUS="FULL"))


def test_threads_that_write_at_the_same_time_share_one_commit(node: Node) -> None:
    users = [node.server.users.create(f"user{number}") for number in range(4)]

    def rename(number: int) -> Callable[[], object]:
        return lambda: node.database.write_one(RENAME, id_=int(users[number].id), new_name=f"Name {number}")

    def create(name: str) -> Callable[[], object]:
        return lambda: node.server.users.create(name).username

    acts = [rename(0), create("orm0"), rename(1), rename(2), create("orm1"), rename(3)]
    with node.together(*acts) as futures:
        results = [future.result() for future in futures]
    assert node.commits == 1
    assert results == [None, "orm0", None, None, "orm1", None]
    assert [node.name_of(user.id) for user in users] == [f"Name {number}" for number in range(4)]
    assert node.server.users.find_by_name("orm1") is not None


def test_a_members_error_undoes_its_own_changes_alone(node: Node) -> None:
    first, second = (node.server.users.create(name) for name in ("first", "second"))

    def fail() -> None:
        with node.database.write() as writer:
            writer.run(RENAME, id_=int(first.id), new_name="Undone")
            _ = 1 / 0

    def take_a_taken_name() -> None:
        node.server.users.create("second")

    def rename() -> None:
        node.database.write_one(RENAME, id_=int(second.id), new_name="Done")

    with node.together(rename, fail, take_a_taken_name, lambda: node.server.users.create("third")) as futures:
        errors = [type(future.exception()) for future in futures]
    assert errors == [type(None), ZeroDivisionError, UsernameError, type(None)]
    assert node.commits == 1
    assert (node.name_of(first.id), node.name_of(second.id)) == ("None", "Done")
    assert node.server.users.find_by_name("third") is not None


def test_the_last_members_error_leaves_the_others_their_commit(node: Node) -> None:
    user = node.server.users.create("first")

    def fail() -> None:
        with node.database.write():
            _ = 1 / 0

    def rename() -> None:
        node.database.write_one(RENAME, id_=int(user.id), new_name="Done")

    with node.together(rename, fail) as futures:
        assert [type(future.exception()) for future in futures] == [type(None), ZeroDivisionError]
    assert (node.name_of(user.id), node.commits) == ("Done", 1)


@contextmanager
def no_room_for_a_page() -> Iterator[None]:
    """Have every write beyond the first 4096 bytes of a file refused, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_commit_that_fails_is_an_error_for_every_member(node: Node) -> None:
    users = [node.server.users.create(f"user{number}") for number in range(4)]

    def rename(user_id: str) -> Callable[[], object]:
        return lambda: node.database.write_one(RENAME, id_=int(user_id), new_name="Lost")

    def rename_in_session() -> None:
        with node.database.writing() as session:
            session.get_one(User, int(users[0].id)).name = "Lost"

    acts = [rename_in_session, *(rename(user.id) for user in users)]
    with no_room_for_a_page(), node.together(*acts) as futures:
        errors = [type(future.exception()) for future in futures]
    assert errors == [DatabaseUnavailableError] * len(acts)
    assert {node.name_of(user.id) for user in users} == {"None"}
    with node.together(*acts) as futures:
        assert [future.exception() for future in futures] == [None] * len(acts)
    assert {node.name_of(user.id) for user in users} == {"Lost"}


PROGRAM = """
import json, os, sys, threading, time
from sqlalchemy import Column, Integer, MetaData, Table, bindparam, create_engine, event, insert
from website.database import Database, Statement, prepare_engine
from website.database.connection_pool import ConnectionPool

engine = create_engine("sqlite:///" + sys.argv[1], poolclass=ConnectionPool)
prepare_engine(engine, "FULL")
database = Database(engine, groups_commits=True)
table = Table("written", MetaData(), Column("id", Integer, primary_key=True), Column("process", Integer))
INSERT = Statement(insert(table).values(process=bindparam("process_")))
"""

CRASH = """
from website.database import group_commit

group_commit.MAX_SECONDS = 60

def end_at_commit(sql):
    if sql == "COMMIT" and is_armed:
        os._exit(9)

def write():
    database.write_one(INSERT, process_=1)
    print("acknowledged", flush=True)

is_armed = False
engine.dispose()
event.listen(engine, "connect", lambda driver, _record: driver.set_trace_callback(end_at_commit))
threads = [threading.Thread(target=write) for _ in range(8)]
with database.write() as writer:
    for thread in threads:
        thread.start()
    while database.transactions.waiting < 8:
        time.sleep(0.01)
    writer.run(INSERT, process_=1)
    is_armed = True
print("acknowledged")
"""

MANY = """
durations = []

def write():
    for _ in range(50):
        begun = time.monotonic()
        database.write_one(INSERT, process_=os.getpid())
        durations.append(time.monotonic() - begun)

threads = [threading.Thread(target=write) for _ in range(4)]
sys.stdin.readline()
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps([len(durations), sorted(durations)[-len(durations) // 100]]))
"""


def create_table(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE written (id INTEGER PRIMARY KEY, process INTEGER)")


def start(program: str, file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + program, str(file)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def count_rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM written").fetchone()[0])


def test_a_process_that_ends_before_the_commit_has_acknowledged_nothing(tmp_path: Path) -> None:
    create_table(tmp_path / "db.sqlite")
    process = start(CRASH, tmp_path / "db.sqlite")
    assert process.communicate(timeout=ANSWER_SECONDS)[0] == ""
    assert process.returncode == 9
    assert count_rows(tmp_path / "db.sqlite") == 0


def test_two_processes_that_write_all_the_time_both_get_their_turns(tmp_path: Path) -> None:
    create_table(tmp_path / "db.sqlite")
    processes = [start(MANY, tmp_path / "db.sqlite") for _ in range(2)]
    wrote: list[Any] = []
    threads = [
        threading.Thread(target=lambda process=process: wrote.append(process.communicate("go\n", ANSWER_SECONDS)[0]))  # type: ignore[misc]
        for process in processes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [json.loads(text)[0] for text in wrote] == [200, 200]
    print("99 of 100 writes took at most", [f"{json.loads(text)[1] * 1000:.0f} ms" for text in wrote])
    assert count_rows(tmp_path / "db.sqlite") == 400
