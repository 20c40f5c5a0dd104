"""The deadline of a write without a transaction on PostgreSQL: nothing is written once its caller has given up.

A stopped database reads what it was sent when it goes on. By then the caller has been told to try again, so a refresh
token, for example, would be used up by nobody. So the statement itself compares the database's clock with the time at
which its caller gives up.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import CTE, Delete, Double, Insert, Integer, Text, Update, bindparam, cast, func, select, true
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.dml import UpdateBase

from ..request_context import current_environ
from .database_clock import DatabaseClock, Execute
from .failures import DatabaseUnavailableError

#: Less than a request waits for the response (postgresql_connections.py), which has to arrive before that.
WRITE_SECONDS = 3.0
#: For differences between this computer's view of the database's clock and that clock.
UNCERTAIN_SECONDS = 0.5
#: A command waits as long as it takes.
COMMAND_SECONDS = 86400.0

_PARAMETER = "give_up_at"
_SECONDS_LEFT = bindparam(_PARAMETER, type_=Double) - func.date_part("epoch", func.clock_timestamp())
#: The condition isn't evaluated again after waiting for a row that another transaction has locked, so the wait ends at
#: the same time. Set for this statement alone, which is a transaction of its own; 0 would mean no limit.
_WAIT = cast(cast(func.least(func.greatest(_SECONDS_LEFT * 1000, 1), COMMAND_SECONDS * 1000), Integer), Text)
_IN_TIME = (_SECONDS_LEFT > 0) & func.set_config("lock_timeout", _WAIT, true()).is_not(None)


def with_deadline(clause: ClauseElement, columns: tuple[str, ...] | None) -> ClauseElement:
    """Return a write that changes nothing after its deadline. ``columns`` are those of an INSERT without values.

    Raises ``TypeError`` if it has other writes inside: those need a transaction, which an absent caller never commits.
    """
    nested = (node.element for node in visitors.iterate(clause) if isinstance(node, CTE))
    if not any(isinstance(element, UpdateBase) for element in nested):
        if isinstance(clause, Update | Delete):
            return clause.where(_IN_TIME)
        if isinstance(clause, Insert):
            return _insert_in_time(clause, columns)
    raise TypeError("write_one takes a single INSERT, UPDATE or DELETE. Use write().")


def _insert_in_time(clause: Insert, columns: tuple[str, ...] | None) -> Insert:
    guarded = clause._generate()
    if clause.select is not None:
        guarded.select = clause.select.where(_IN_TIME)
        return guarded
    values = {str(getattr(column, "name", column)): value for column, value in (clause._values or {}).items()}
    for name in columns or ():
        values.setdefault(name, bindparam(name, type_=clause.table.c[name].type))
    guarded._values = None
    return guarded.from_select(list(values), select(*values.values()).where(_IN_TIME))


class DeadlinePassedError(DatabaseUnavailableError):
    """The write changed nothing, and the database's clock is past its deadline.

    ``may_repeat`` means that the caller hasn't waited so long: that clock has moved since it was last read.
    """

    def __init__(self, *, may_repeat: bool) -> None:
        super().__init__()
        self.may_repeat = may_repeat


class WriteDeadline:
    """The deadline of one write, by a database's clock."""

    def __init__(self, clock: DatabaseClock) -> None:
        self._began = time.monotonic()
        self._seconds = WRITE_SECONDS if current_environ.get(None) is not None else COMMAND_SECONDS
        self._clock = clock
        self._give_up_at = clock.now() + self._seconds
        self.parameters: dict[str, Any] = {_PARAMETER: self._give_up_at}

    def check(self, execute: Execute) -> None:
        """Look at the clock again after a write that changed nothing. Raise :class:`DeadlinePassedError` if late."""
        if self._clock.read(execute) < self._give_up_at:
            return  # there was nothing to change
        is_early = time.monotonic() - self._began < self._seconds - UNCERTAIN_SECONDS
        raise DeadlinePassedError(may_repeat=is_early) from TimeoutError("The database responded too late.")
