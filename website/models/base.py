"""Owns what every table shares: the declarative base, the names of constraints, the column types."""

from typing import Annotated

from sqlalchemy import BigInteger, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

#: Seconds since the epoch, UTC: no time zone to get wrong, the same on every database, as JWTs count.
UtcSeconds = Annotated[int, mapped_column(BigInteger)]
#: An identifier as :func:`website.identifiers.new_identifier` draws it.
Identifier = Annotated[str, mapped_column(String(22))]
#: A SHA-256 in hexadecimal.
Digest = Annotated[str, mapped_column(String(64))]
#: Scope values joined by one space, as :rfc:`6749#section-3.3` writes them.
ScopeText = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    """The plain base of all tables; no framework's."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
