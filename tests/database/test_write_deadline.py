"""A single write whose caller has given up is never carried out, however late PostgreSQL reads it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from tests.support.patient_limits import limit_writes_as_in_production
from tests.support.token_requests import Provider, open_provider
from tests.support.waiting import wait_until
from tests.support.wire import Wire, through
from website.database import Database, DatabaseUnavailableError, Statement
from website.database.database_clock import CERTAIN_SECONDS, KEPT_SECONDS
from website.request_context import current_environ

CALLERS = 12
_table = Table("deadline_test", MetaData(), Column("id", Text, primary_key=True), Column("number", Integer))
INSERT = Statement(insert(_table).inline(), ("id", "number"))
INSERT_VALUES = Statement(insert(_table).values(id=bindparam("id_"), number=1).returning(_table.c.number))
INSERT_SELECT = Statement(
    insert(_table).from_select(["id", "number"], select(bindparam("new_id", type_=Text), _table.c.number + 1))
)
_upsert = insert_or_update(_table).values(id=bindparam("id_"), number=bindparam("number_"))
UPSERT = Statement(
    _upsert.on_conflict_do_update(index_elements=["id"], set_={"number": _table.c.number + 1}).returning(
        _table.c.number
    )
)
UPDATE = Statement(update(_table).where(_table.c.id == bindparam("id_")).values(number=7).returning(_table.c.number))
DELETE = Statement(delete(_table).where(_table.c.id == bindparam("id_")))


@pytest.fixture(autouse=True)
def usual_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_writes_as_in_production(monkeypatch)


@pytest.fixture
def request_context() -> Iterator[None]:
    """Let this thread be one of a request."""
    before = current_environ.set({})
    yield
    current_environ.reset(before)


def numbers(node: Provider) -> dict[str, int]:
    with node.server.database.engine.connect() as connection:
        return {row.id: row.number for row in connection.execute(select(_table))}


def test_every_kind_of_single_write_is_carried_out_in_time(tmp_path: Path, database_uri: str) -> None:
    with open_provider(tmp_path, database_uri) as node:
        database = node.server.database
        _table.create(database.engine)
        assert database.write_one(INSERT, id="a", number=3) is None
        assert database.write_one(INSERT_SELECT, new_id="b") is None
        assert database.write_one(INSERT_VALUES, id_="c") == (1,)
        assert [database.write_one(UPSERT, id_="d", number_=5) for _ in range(2)] == [(5,), (6,)]
        assert database.write_one(UPDATE, id_="c") == (7,)
        assert database.write_one(UPDATE, id_="nobody's") is None
        database.write_one(DELETE, id_="a")
        assert numbers(node) == {"b": 4, "c": 7, "d": 6}


def test_a_write_with_others_inside_needs_a_transaction(tmp_path: Path, create_database: Callable[[], str]) -> None:
    claimed = delete(_table).returning(_table.c.id, _table.c.number).cte()
    nested = Statement(insert(_table).from_select(["id", "number"], select(claimed)))
    with (
        open_provider(tmp_path, create_database()) as node,
        pytest.raises(TypeError, match=r"Use write\(\)"),
    ):
        node.server.database.write_one(nested)


def test_no_write_that_was_given_up_is_carried_out_later(
    tmp_path: Path, create_database: Callable[[], str], wire: Wire
) -> None:
    uri = create_database()
    with open_provider(tmp_path, uri) as node, open_provider(tmp_path, through(wire, uri)) as cut_off:
        database = cut_off.server.database
        _table.create(database.engine)
        everybody_connects(database)
        outcomes: list[object] = []
        wire.stop()

        def write(number: int) -> None:
            current_environ.set({})  # as in a request
            try:
                outcomes.append(database.write_one(INSERT, id=str(number), number=number))
            except DatabaseUnavailableError as error:
                outcomes.append(type(error))

        at_once(write)
        assert outcomes == [DatabaseUnavailableError] * CALLERS
        wire.go_on()
        everybody_is_gone = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        with node.server.database.engine.connect() as connection:
            wait_until(lambda: connection.scalar(text(everybody_is_gone)) <= CALLERS)
        assert database.write_one(INSERT, id="in time", number=1) is None
        assert numbers(node) == {"in time": 1}


@pytest.mark.usefixtures("request_context")
def test_a_write_that_waits_for_a_lock_is_given_up_in_the_database_too(
    tmp_path: Path, create_database: Callable[[], str]
) -> None:
    with open_provider(tmp_path, create_database()) as node, node.server.database.engine.connect() as holder:
        database = node.server.database
        _table.create(database.engine)
        database.write_one(INSERT, id="a", number=1)
        holder.exec_driver_sql("BEGIN")
        holder.execute(select(_table).with_for_update())
        with pytest.raises(DatabaseUnavailableError) as raised:
            database.write_one(UPDATE, id_="a")
        holder.exec_driver_sql("ROLLBACK")
        assert raised.value.reason == "55P03"
        assert database.write_one(UPDATE, id_="a") == (7,)
        connection = database.connections.take()
        assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)
        database.pool.give_back(connection)


def everybody_connects(database: Database) -> None:
    """Have a connection opened for each caller."""
    barrier = threading.Barrier(CALLERS)

    def hold(_number: int) -> None:
        with database.write():
            barrier.wait()

    at_once(hold)


def at_once(act: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=act, args=(number,)) for number in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("request_context")
@pytest.mark.parametrize("seconds", [-10, 10])
def test_a_clock_that_moved_since_it_was_read_keeps_no_write_from_being_carried_out(
    tmp_path: Path, create_database: Callable[[], str], seconds: int
) -> None:
    with open_provider(tmp_path, create_database()) as node:
        database = node.server.database
        _table.create(database.engine)
        for number in range(2):
            # As after a step of the database's clock, or a pause of this computer, which stops its monotonic clock.
            database._clock._base += seconds
            assert database.write_one(INSERT_VALUES, id_=str(number)) == (1,)
        assert database.write_one(UPDATE, id_="nobody's") is None
        assert abs(database._clock.now() - time.time()) < 5
        assert numbers(node) == {"0": 1, "1": 1}


def test_the_clock_is_read_again_from_time_to_time(tmp_path: Path, create_database: Callable[[], str]) -> None:
    with open_provider(tmp_path, create_database()) as node:
        clock = node.server.database._clock
        node.server.cache_invalidation.check_now()
        clock._base -= 100
        node.server.cache_invalidation.check_now()
        assert clock.now() < time.time() - 90
        clock._read_at -= KEPT_SECONDS
        node.server.cache_invalidation.check_now()
        assert abs(clock.now() - time.time()) < 5


@pytest.mark.parametrize(("moved_seconds", "is_kept"), [(0, True), (100, False)])
def test_a_slow_reading_of_the_clock_counts_only_if_it_contradicts_the_former(
    tmp_path: Path, create_database: Callable[[], str], moved_seconds: int, is_kept: bool
) -> None:
    with open_provider(tmp_path, create_database()) as node, node.server.database.engine.connect() as connection:
        clock = node.server.database._clock
        wait_until(lambda: clock.read(connection.exec_driver_sql) or not clock.is_outdated)  # not a slow one
        clock._base += moved_seconds
        former = clock._base

        def answer_late(sql: str) -> Any:
            time.sleep(CERTAIN_SECONDS)  # before and after, as the former reading may be this uncertain
            cursor = connection.exec_driver_sql(sql)
            time.sleep(CERTAIN_SECONDS)
            return cursor

        clock._read_at -= KEPT_SECONDS
        clock.read(answer_late)

        assert clock.is_outdated
        assert (clock._base == former) is is_kept
        assert abs(clock.now() - time.time()) < 5
