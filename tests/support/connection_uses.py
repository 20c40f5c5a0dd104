"""What a node does with its database, seen from outside: something happens after each use of a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.token_requests import Provider
from website.database.connection_pool import PooledConnection


@contextmanager
def after_each_use(node: Provider, act: Callable[[], object]) -> Iterator[None]:
    """Do something whenever a connection of this node is given back."""
    pool = node.server.database.pool
    give_back = pool.give_back

    def watch(connection: PooledConnection) -> None:
        give_back(connection)
        act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "give_back", watch)
        yield
