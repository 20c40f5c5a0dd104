"""What a node does with its database, seen from outside: something happens after each use of a connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.token_requests import Provider
from website.database.connection_pool import PooledConnection


@contextmanager
def after_each_use(node: Provider, act: Callable[[], object], *, in_any_thread: bool = False) -> Iterator[None]:
    """Do something whenever this thread, or any, gives back a connection of this node: others may send emails."""
    pool, thread = node.server.database.pool, threading.current_thread()
    give_back = pool.give_back

    def watch(connection: PooledConnection) -> None:
        give_back(connection)
        if in_any_thread or threading.current_thread() is thread:
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "give_back", watch)
        yield
