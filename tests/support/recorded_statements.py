"""The statements that an application sends to its database, as the drivers themselves trace them.

SQLite's trace is a callback; libpq writes every message of PostgreSQL's protocol into a file. Both are asked on every
connection that SQLAlchemy opens, whoever uses it then.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

#: What the server says after each statement, such as ``SELECT 1``, and once it is ready for the next message.
_COMPLETED = re.compile(r'\tCommandComplete\t "(\w+)')
_READY = "\tReadyForQuery\t"


@dataclass
class Recording:
    """The first word of each statement in order, and how often the application waited for the database."""

    verbs: list[str] = field(default_factory=list)
    #: The whole statements, on SQLite alone.
    texts: list[str] = field(default_factory=list)
    trips: int = 0

    def __str__(self) -> str:
        return " ".join(self.verbs)


class Recorder:
    """Records the statements of every connection opened while it listens."""

    def __init__(self) -> None:
        self._connections: list[Any] = []
        self._recording: Recording | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Notice each new connection of any engine. Begin this before the application is built."""
        event.listen(Engine, "connect", self._notice)
        yield
        event.remove(Engine, "connect", self._notice)

    def _notice(self, connection: Any, _record: Any) -> None:
        if hasattr(connection, "set_trace_callback"):
            connection.set_trace_callback(self._add)
        else:
            self._connections.append(connection)

    def _add(self, statement: str) -> None:
        if self._recording is not None:
            self._recording.verbs.append(statement.split(None, 1)[0].upper())
            self._recording.texts.append(statement)
            self._recording.trips += 1

    @contextmanager
    def record(self) -> Iterator[Recording]:
        """Record until the block ends; the recording is complete afterwards."""
        recording = Recording()
        opened = [connection for connection in self._connections if not connection.closed]
        with tempfile.TemporaryFile("w+") as trace:
            self._recording = recording
            for connection in opened:
                connection.pgconn.trace(trace.fileno())
            yield recording
            for connection in opened:
                connection.pgconn.untrace()
            self._recording = None
            trace.seek(0)
            written = trace.read()
        recording.verbs += _COMPLETED.findall(written)
        recording.trips += written.count(_READY)
