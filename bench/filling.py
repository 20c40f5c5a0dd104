"""A population for one of Grantwright's databases, written straight into its tables: grants and what goes with them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

SECRET = "the-secret-of-every-client-that-fills"
MONTH = 30 * 86400
#: Rows for each grant.
PER_GRANT = {
    "oauth2_user": 0.1,
    "oauth2_subject": 0.1,
    "oauth2_session": 0.1,
    "oauth2_consent": 0.5,
    "oauth2_grant": 1.0,
    "oauth2_authorization_code": 0.2,
    "oauth2_event": 0.5,
    "oauth2_revoked_token": 0.1,
}
#: How each column is made from the number i of its row, where `users` and `clients` are how many there are.
COLUMNS = {
    "oauth2_client": {
        "id": "ident('c', i)", "client_id": "'client' || i", "client_name": "'Client ' || i",
        "client_metadata": "'{metadata}'", "is_first_party": "false", "access_token_format": "'sealed'",
        "token_epoch": "0", "created_at": "{now}",
    },
    "oauth2_client_secret": {
        "id": "ident('x', i)", "client": "ident('c', i)", "secret_hash": "'{secret_hash}'", "created_at": "{now}",
    },
    "oauth2_client_origin": {"origin": "'https://c' || i || '.example.com'", "client": "ident('c', i)"},
    "oauth2_user": {
        "id": "-1 - i", "username": "'person' || i", "username_key": "'person' || i",
        "name": "'Person Number ' || i", "email": "'person' || i || '@example.org'",
        "email_key": "'person' || i || '@example.org'", "created_at": "{now}", "updated_at": "{now}",
    },
    "oauth2_subject": {
        "subject": "ident('s', i)", "user_id": "CAST(-1 - i AS TEXT)", "token_epoch": "0", "created_at": "{now}",
    },
    "oauth2_session": {
        "id": "ident('e', i)", "token_hash": "{digest}", "subject": "ident('s', i)",
        "created_at": "{now}", "auth_time": "{now}", "acr": "'1'", "amr": "'[\"pwd\"]'", "last_seen_at": "{now}",
        "expires_at": "{later}", "address": "'203.0.113.7'",
        "user_agent": "'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'",
    },
    "oauth2_consent": {
        "id": "ident('o', i)", "subject": "ident('s', i % {users})",
        "client": "ident('c', (i % {users} * 13 + i / {users} * 7) % {clients})", "scope": "'openid profile'",
        "stays_connected": "false", "granted_at": "{now}", "expires_at": "{later}",
    },
    "oauth2_grant": {
        "id": "ident('g', i)", "consent": "ident('o', i / 2)", "subject": "ident('s', i / 2 % {users})",
        "client": "ident('c', (i / 2 % {users} * 13 + i / 2 / {users} * 7) % {clients})",
        "session": "ident('e', i / 2 % {users})", "grant_type": "'authorization_code'", "scope": "'openid profile'",
        "auth_time": "{now}", "acr": "'1'", "amr": "'[\"pwd\"]'", "generation": "0", "rotated_at": "{now}",
        "grace_uses": "0", "created_at": "{now}", "expires_at": "{later}",
    },
    "oauth2_authorization_code": {
        "code_hash": "{digest}", "client": "ident('c', i % {clients})",
        "subject": "ident('s', i % {users})", "session": "ident('e', i % {users})", "scope": "'openid profile'",
        "redirect_uri": "'https://c' || i || '.example.com/callback'", "auth_time": "{now}", "created_at": "{now}",
        "expires_at": "{now} + 60", "used_at": "{now}", "grant": "ident('g', i)",
    },
    "oauth2_event": {
        "occurred_at": "{now} - i % {month}", "event": "'login'", "outcome": "'success'",
        "actor": "ident('s', i % {users})", "subject": "ident('s', i % {users})", "address": "'203.0.113.7'",
    },
    "oauth2_revoked_token": {"jti": "ident('j', i)", "expires_at": "{later}"},
}  # fmt: skip
METADATA = {
    "client_name": "Client",
    "redirect_uris": ["https://client.example.com/callback"],
    "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    "response_types": ["code"],
    "scope": "openid profile",
    "token_endpoint_auth_method": "client_secret_basic",
}


class Filling:
    """So many grants, with what goes with them, for one database; written in parts."""

    def __init__(self, engine: Engine, grants: int, clients: int) -> None:
        self._engine = engine
        self._sizes = {name: int(grants * share) for name, share in PER_GRANT.items()}
        now = int(time.time())
        self._values = {
            "digest": "ident('t', i) || ident('u', i) || substr(ident('v', i), 1, 20)",
            "now": now, "later": now + MONTH, "month": MONTH, "users": self._sizes["oauth2_user"], "clients": clients,
            "metadata": json.dumps(METADATA), "secret_hash": hashlib.sha256(SECRET.encode()).hexdigest(),
        }  # fmt: skip
        for table in ("oauth2_client", "oauth2_client_secret", "oauth2_client_origin"):
            self._sizes[table] = clients

    def write(self, part: int, parts: int) -> None:
        """Write one of so many equal parts of every table."""
        with self._unchecked() as connection:
            for table, columns in COLUMNS.items():
                first, end = (self._sizes[table] * number // parts for number in (part, part + 1))
                names = ", ".join(f'"{name}"' for name in columns)
                values = ", ".join(columns.values())
                for key, value in self._values.items():
                    values = values.replace(f"{{{key}}}", str(value))
                statement = f"INSERT INTO {table} ({names}) SELECT {values} FROM {self._numbers(first, end)}"
                connection.execution_options(no_parameters=True).exec_driver_sql(statement)

    def finish(self) -> None:
        """Let PostgreSQL count, as autovacuum does in time; SQLite never does."""
        if self._engine.dialect.name == "postgresql":
            with self._engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert driver is not None
                connection.detach()
                driver.autocommit = True
                driver.execute("VACUUM ANALYZE")

    def _numbers(self, first: int, end: int) -> str:
        if self._engine.dialect.name == "postgresql":
            return f"generate_series({first}::bigint, {end - 1}) AS n (i)"
        return (
            f"(WITH RECURSIVE n (i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end})"
            " SELECT i FROM n)"
        )

    @contextmanager
    def _unchecked(self) -> Iterator[Connection]:
        """A transaction with `ident`, which makes an identifier as random as real ones, and without foreign keys."""
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET session_replication_role = replica")
                connection.exec_driver_sql(IDENT)
            else:
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.create_function("ident", 2, ident, deterministic=True)
                driver.execute("PRAGMA foreign_keys = OFF")  # before SQLAlchemy begins a transaction
            connection.commit()
            yield connection
            connection.commit()
            connection.detach()  # nobody else gets a connection that checks nothing


def ident(kind: str, number: int) -> str:
    return hashlib.blake2b(f"{kind}{number}".encode(), digest_size=11).hexdigest()


#: The same for PostgreSQL, by what is quickest there.
IDENT = """
CREATE OR REPLACE FUNCTION ident(kind TEXT, number BIGINT) RETURNS TEXT LANGUAGE SQL IMMUTABLE PARALLEL SAFE AS
$$ SELECT left(md5(kind || number), 22) $$
"""
