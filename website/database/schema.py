"""The state of the schema: the database's current migration, and the migrations that this code knows."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, column, inspect, select, table, text

from .connection import Database
from .statement import Statement

#: Our own table, as an embedding application may have its own migrations.
VERSION_TABLE = "oauth2_alembic_version"
READ_REVISION = Statement(select(column("version_num")).select_from(table(VERSION_TABLE)))
_VERSIONS = Path(__file__).parent.parent / "migrations" / "versions"


def find_revision(engine: Engine) -> str | None:
    """Return the database's current migration, or ``None`` if there are no tables yet."""
    if not inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        revision: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return revision


def is_outdated(database: Database) -> bool:
    """Tell whether this code has newer migrations. An unknown one is a newer release's, on which this code runs too.

    Raises ``SchemaMissingError`` if there are no tables, and ``DatabaseUnavailableError``.
    """
    row = database.one(READ_REVISION)
    return row is None or row[0] in known_revisions()[:-1]


@cache
def known_revisions() -> tuple[str, ...]:
    """Return this code's migrations, oldest first, from the file names."""
    return tuple(sorted(re.split("_", file.name, maxsplit=1)[0] for file in _VERSIONS.glob("[0-9]*_*.py")))
