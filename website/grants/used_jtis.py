"""Replay protection: the ``jti`` of a client's JWT can be used once across all nodes."""

from __future__ import annotations

import hashlib

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ..database import Database, Statement
from ..database.tables import table_of
from ..models.used_jti import UsedJti

_used = table_of(UsedJti)
#: The same SQL on SQLite and PostgreSQL: only one of concurrent inserts of a digest returns a row.
USE_JTI = Statement(
    postgresql_insert(_used)
    .values(digest=bindparam("digest"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
    .returning(_used.c.digest)
)


class Replay:
    """The used JWTs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def use(self, writer_id: str, jti: str, expires_at: int) -> bool:
        """Use up an issuer's ``jti`` until ``expires_at`` (seconds, UTC); return true for the first caller only."""
        digest = hashlib.sha256(f"{writer_id}\n{jti}".encode()).hexdigest()
        return self._database.write_one(USE_JTI, digest=digest, expires_at=expires_at) is not None
