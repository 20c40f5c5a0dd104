"""Stored clients and their secrets, read by prepared statements: what a client costs that isn't in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from types import SimpleNamespace
from typing import Any

from sqlalchemy import JSON, Boolean, Column, ColumnElement, Text, bindparam, cast, select

from ..bounded_cache import size_of_json
from ..database import Database, Row, Statement
from ..database.tables import table_of
from ..models.client import OAuth2Client, OAuth2ClientSecret
from .client import Client
from .client_row import from_row

_clients, _secrets = table_of(OAuth2Client), table_of(OAuth2ClientSecret)
_COLUMNS, _SECRET_COLUMNS = _clients.c.keys(), ("id", "secret_hash", "encrypted_secret", "expires_at")


def _as_text(column: Column[Any]) -> ColumnElement[Any]:
    """Select JSON as text: only some drivers decode it."""
    return cast(column, Text) if isinstance(column.type, JSON) else column


def _reader_of(column: Column[Any]) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON):
        return json.loads
    return bool if isinstance(column.type, Boolean) else None


#: The columns that a driver returns differently than the models, each with its conversion.
_READERS = [(column.name, read) for column in _clients.c if (read := _reader_of(column)) is not None]
_JSON_PLACES = [place for place, column in enumerate(_clients.c) if isinstance(column.type, JSON)]
#: The memory of a client besides its secrets and JSON, and that of a secret.
BYTES_OF_A_CLIENT, BYTES_OF_A_SECRET = 1200, 400
#: A row for each secret, oldest first; one row without a secret for a client that has none.
_clients_with_secrets = select(*map(_as_text, _clients.c), *(_secrets.c[name] for name in _SECRET_COLUMNS)).select_from(
    _clients.outerjoin(_secrets, _secrets.c.client == _clients.c.id)
)
_client_with_secrets = _clients_with_secrets.order_by(_secrets.c.created_at)
READ_BY_ID = Statement(_client_with_secrets.where(_clients.c.id == bindparam("key")))
READ_BY_CLIENT_ID = Statement(_client_with_secrets.where(_clients.c.client_id == bindparam("key")))
#: The secrets of a client, without the client: hash and expiry of each.
READ_SECRETS = Statement(
    select(_secrets.c.secret_hash, _secrets.c.expires_at)
    .join(_clients, _secrets.c.client == _clients.c.id)
    .where(_clients.c.client_id == bindparam("key"))
)
#: Latest first.
READ_OF_OWNER = Statement(
    _clients_with_secrets.where(_clients.c.owner_subject == bindparam("key")).order_by(
        _clients.c.created_at.desc(), _clients.c.id, _secrets.c.created_at
    )
)


def read_clients(database: Database, statement: Statement, key: str) -> list[Client]:
    """Return the clients that a statement finds, in its order."""
    rows = database.all(statement, key=key)
    return [client_of([*rows_of_one]) for _id, rows_of_one in groupby(rows, key=itemgetter(_COLUMNS.index("id")))]


def client_of(rows: list[Row]) -> Client:
    """Return the client of its rows, one for each secret."""
    width = len(_COLUMNS)
    values = dict(zip(_COLUMNS, rows[0], strict=False))
    for name, read in _READERS:
        if values[name] is not None:
            values[name] = read(values[name])
    secrets = [SimpleNamespace(**dict(zip(_SECRET_COLUMNS, row[width:], strict=True))) for row in rows if row[width]]
    return from_row(SimpleNamespace(**values, secrets=secrets))


def size_of_client(rows: list[Row]) -> int:
    """Estimate the memory of the client of its rows, in bytes."""
    texts = (rows[0][place] for place in _JSON_PLACES)
    return BYTES_OF_A_CLIENT + BYTES_OF_A_SECRET * len(rows) + sum(size_of_json(text) for text in texts if text)
