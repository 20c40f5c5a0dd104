"""Copies every table from an SQLite file into an empty PostgreSQL database, in one transaction.

Stop every node first, and run `flask initdb` on both, so that both have the tables of this version.
"""

from __future__ import annotations

import sys

from sqlalchemy import create_engine, false, func, insert, select

from website.models import db

BATCH = 1000
#: Tables that `flask initdb` fills by itself; the copied rows replace its rows.
WRITTEN_BY_INITDB = ("oauth2_key", "oauth2_change", "oauth2_event")

source, target = (create_engine(address, hide_parameters=True) for address in sys.argv[1:])
tables = db.metadata.sorted_tables  # referenced tables come first
with source.connect() as reading, target.begin() as writing:
    for table in reversed(tables):
        if table.name in WRITTEN_BY_INITDB:
            writing.execute(table.delete())
        elif writing.scalar(select(func.count()).select_from(table)):
            raise SystemExit(f"{table.name} isn't empty. Nothing was copied.")
    for table in tables:
        rows, copied = reading.execute(select(table)).mappings(), 0
        while batch := [dict(row) for row in rows.fetchmany(BATCH)]:
            writing.execute(insert(table), batch)
            copied += len(batch)
        if table.autoincrement_column is not None:
            # Tell PostgreSQL where to continue counting.
            column = table.autoincrement_column
            following = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            writing.execute(
                select(func.setval(func.pg_get_serial_sequence(table.name, column.name), following, false()))
            )
        print(f"{table.name}: {copied}")
