"""Copies every table from an SQLite file into an empty PostgreSQL database, in one transaction.

Stop every node first, and run `flask initdb` on both databases, so that both have the tables of this version.
"""

from __future__ import annotations

import sys

from sqlalchemy import create_engine, func, insert, select, text

from website.models import db

BATCH = 1000

source, target = (create_engine(address, hide_parameters=True) for address in sys.argv[1:])
with source.connect() as reading, target.begin() as writing:
    # Keys and the count of changes were made by initdb; the ones in use take their place.
    for table in reversed(db.metadata.sorted_tables):
        if table.name not in ("oauth2_key", "oauth2_change", "oauth2_event"):
            assert not writing.scalar(select(func.count()).select_from(table)), f"{table.name} is not empty"
        writing.execute(table.delete())
    for table in db.metadata.sorted_tables:
        rows = reading.execute(select(table))
        copied = 0
        while batch := [dict(row) for row in rows.mappings().fetchmany(BATCH)]:
            writing.execute(insert(table), batch)
            copied += len(batch)
        print(f"{table.name}: {copied}")
    # PostgreSQL counts on by itself, from where we say.
    for table in db.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            highest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            writing.execute(select(func.setval(sequence, highest, text("false"))))
