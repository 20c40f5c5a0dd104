"""Owns what may be used once: the ``jti`` of a JWT that a client wrote. One use succeeds, on whichever node."""

from __future__ import annotations

import hashlib

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ..database import Database, Statement
from ..database.tables import table_of
from ..models.used_jti import UsedJti

#: The same text on SQLite and PostgreSQL: of all who insert one digest, one changes a row.
USE_JTI = Statement(
    postgresql_insert(table_of(UsedJti))
    .values(digest=bindparam("digest"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
)


class Replay:
    """What was used, of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def use(self, writer_id: str, jti: str, expires_at: int) -> bool:
        """Take a ``jti`` of somebody who writes JWTs: true for one caller, until ``expires_at`` (seconds, UTC)."""
        digest = hashlib.sha256(f"{writer_id}\n{jti}".encode()).hexdigest()
        with self._database.write() as writer:
            return bool(writer.run(USE_JTI, digest=digest, expires_at=expires_at))
