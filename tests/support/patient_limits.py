"""Limits that a busy machine passes by chance: longer in the tests' process, except where a test is about them."""

from __future__ import annotations

import pytest

from tests.support.waiting import ANSWER_SECONDS
from website import outbound, outbound_slots
from website.database import background_read, postgresql_connections, write_deadline
from website.grants import activity_counts
from website.outbox import sender, turns

WRITE_SECONDS, STATEMENT_SECONDS = write_deadline.WRITE_SECONDS, postgresql_connections.ANSWER_SECONDS


def lengthen_limits() -> None:
    """Have this process wait longer than a server does. Servers in processes of their own go on as they do."""
    # A test that looks at the statements of a request would meet the counts that are written once a minute.
    activity_counts.FLUSH_SECONDS = 3600.0
    # A process that was stopped for a moment would take its database to be out of reach.
    background_read.PATIENCE_SECONDS = ANSWER_SECONDS
    write_deadline.WRITE_SECONDS, postgresql_connections.ANSWER_SECONDS = 30.0, 40.0
    # Any response may take some seconds, and all the hosts of the tests are one.
    outbound_slots.SLOW_SECONDS = turns.SLOW_SECONDS = sender.SLOW_SECONDS = outbound.DEADLINE_SECONDS = 60.0


def limit_writes_as_in_production(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(write_deadline, "WRITE_SECONDS", WRITE_SECONDS)
    patch.setattr(postgresql_connections, "ANSWER_SECONDS", STATEMENT_SECONDS)
