"""Requests that can't go on without a look at the database: one looks for all, and a queue of them ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.support.waiting import ANSWER_SECONDS, wait_until
from website.database import background_read
from website.database.background_read import BackgroundRead
from website.database.failures import DatabaseUnavailableError

CALLERS = 8


class Database:
    """A database that responds when it is told to."""

    def __init__(self) -> None:
        self.looks = 0
        self.responds = threading.Event()

    def look(self) -> None:
        self.looks += 1
        assert self.responds.wait(ANSWER_SECONDS)


@pytest.fixture
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.responds.set()


def start_to_look(look: BackgroundRead, count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=look.take) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_requests_that_wait_for_another_ones_look_do_not_look_again(database: Database) -> None:
    look = BackgroundRead(database.look, may_hang=True)
    threads = start_to_look(look, CALLERS)
    wait_until(lambda: database.looks)
    database.responds.set()
    for thread in threads:
        thread.join(ANSWER_SECONDS)
    assert database.looks == 1


def test_after_one_has_waited_in_vain_others_fail_at_once_until_there_is_a_response(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = BackgroundRead(database.look, may_hang=True)
    (looking,) = start_to_look(look, 1)
    wait_until(lambda: database.looks)
    for limit in (0.1, 3600.0):  # only the first one waits
        monkeypatch.setattr(background_read, "WAIT_SECONDS", limit)
        with pytest.raises(DatabaseUnavailableError):
            look.take()
    database.responds.set()
    looking.join(ANSWER_SECONDS)
    database.responds.clear()
    monkeypatch.setattr(background_read, "GOOD_SECONDS", 0.0)
    threads = start_to_look(look, 2)  # both wait now, one for the database and one for the other
    wait_until(lambda: database.looks == 2)
    database.responds.set()
    for thread in threads:
        thread.join(ANSWER_SECONDS)
    assert database.looks == 3
