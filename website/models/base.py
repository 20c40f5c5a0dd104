"""The shared parts of all tables: declarative base, constraint names, column types."""

from typing import Annotated

from sqlalchemy import BigInteger, ColumnElement, Executable, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

from ..settings import Settings

#: Seconds since the epoch, UTC, as in JWTs: the same on every database, with no time zones to get wrong.
UtcSeconds = Annotated[int, mapped_column(BigInteger)]
#: An identifier from :func:`website.identifiers.new_identifier`.
Identifier = Annotated[str, mapped_column(String(22))]
#: A SHA-256 in hexadecimal.
Digest = Annotated[str, mapped_column(String(64))]
#: Scope values joined by single spaces (:rfc:`6749#section-3.3`).
ScopeText = Annotated[str, mapped_column(Text)]
#: In a table's ``info``: nullable columns that only the previous release still names. No model has them, and the first
#: migration of the next release drops them.
FORMER_COLUMNS = "former_columns"


class Base(DeclarativeBase):
    """The base of all tables, independent of any framework."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @classmethod
    def expired(cls, past: int, settings: Settings) -> ColumnElement[bool] | None:
        """Return the condition for rows that had expired by ``past`` (seconds, UTC), or ``None`` if rows never expire.

        By default, ``expires_at`` has passed. Pruning deletes these rows; an expired row is refused in any case, so the
        condition may keep rows longer than needed.
        """
        expires_at = cls.__table__.columns.get("expires_at")
        return None if expires_at is None else expires_at < past

    @classmethod
    def keep_of_expired(cls, past: int) -> Executable | None:
        """Return a statement that copies the parts of expired rows that have to be kept, if there are any."""
        return None
