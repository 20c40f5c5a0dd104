"""Owns what may be used once: the ``jti`` of a JWT that a client wrote. One use succeeds, on whichever node."""

from __future__ import annotations

import hashlib

from .database import Database
from .statements.replay import USE_JTI


class Replay:
    """What was used, of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def use(self, writer_id: str, jti: str, expires_at: int) -> bool:
        """Take a ``jti`` of somebody who writes JWTs: true for one caller, until ``expires_at`` (seconds, UTC)."""
        digest = hashlib.sha256(f"{writer_id}\n{jti}".encode()).hexdigest()
        with self._database.write() as writer:
            return bool(writer.run(USE_JTI, digest=digest, expires_at=expires_at))
