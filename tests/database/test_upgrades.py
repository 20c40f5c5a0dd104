"""A filled database of the first release is updated under a reader, who is blocked by no step."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event, text

from tests.support.live_server import run_command, server_environment
from tests.support.waiting import ANSWER_SECONDS
from website.database.schema import VERSION_TABLE, find_revision, known_revisions
from website.models.base import FORMER_COLUMNS, Base

#: How many rows there are: 20 per user, a hundredth of them clients. Ten million grants take half an hour.
SHORT, LONG = 100_000, 20_000_000
#: A reader that a step blocks for longer fails.
LONGEST_BLOCKED_SECONDS = 1
METADATA = (
    '{"client_name": "Café", "redirect_uris": ["https://client.example/cb"], "scope": "profile",'
    ' "grant_types": ["authorization_code"], "response_types": ["code"],'
    ' "token_endpoint_auth_method": "client_secret_basic"}'
)
#: By table: how many rows of a thousand, and each row's columns, from its number i and the number of users and clients.
ROWS = {
    "oauth2_subject": (100, "subject, user_id, token_epoch, created_at", "'s' || i, i + 1, 0, 0"),
    "oauth2_user": (100, "id, username, username_key, created_at", "i + 1, 'user' || i, 'user' || i, 0"),
    "oauth2_client": (
        10,
        "id, client_id, client_name, client_metadata, is_first_party, access_token_format, token_epoch, created_at",
        f"'c' || i, 'client' || i, 'Café', '{METADATA}', false, 'sealed', 0, 0",
    ),
    "oauth2_consent": (
        190,
        "id, subject, client, scope, granted_at, expires_at",
        "'o' || i, 's' || (i % :users), 'c' || ((i / :users) % :clients), 'profile', 0, 4000000000",
    ),
    "oauth2_grant": (
        500,
        "id, consent, client, subject, session, grant_type, scope, generation, rotated_at, grace_uses, created_at,"
        " expires_at",
        "'g' || i, 'o' || (i % (:users * 19 / 10)), 'c' || (i % :clients), 's' || (i % :users), NULL,"
        " 'authorization_code', 'profile', 0, 0, 0, 0, 4000000000",
    ),
    "oauth2_authorization_code": (
        100,
        "code_hash, client, subject, scope, created_at, expires_at",
        "'h' || i, 'c' || (i % :clients), 's' || (i % :users), 'profile', 0, 60",
    ),
}
#: The same for tables that came later, by the step after which they are filled: the steps after it keep their rows.
LATER_ROWS = {
    "0025": {
        "oauth2_group": (1, "id, name, name_key, label, created_at", "'t' || i, 'team' || i, 'team' || i, 'Café', 0"),
        "oauth2_membership": (10, "group_id, user_id, added_at", "'t' || (i / 10), i + 1, 0"),
    },
    "0025a": {
        "oauth2_passkey": (
            10,
            "id, user_id, credential_id, public_key, rp_id, user_handle, sign_count, transports, is_backup_eligible,"
            " is_backed_up, aaguid, name, created_at",
            "'p' || i, i + 1, 'p' || i, '', 'client.example', '', 0, '[]', false, false, '', 'Laptop', 0",
        ),
    },
    "0027": {
        "oauth2_totp_secret": (10, "user_id, encrypted_secret, created_at, last_step", "i + 1, 'sealed', 0, 0"),
        "oauth2_recovery_code": (10, "user_id, code_hash, created_at", "i / 10 + 1, 'h' || i, 0"),
    },
    "0027a": {"oauth2_client_group": (1, "client, group_id", "'c' || i, 't' || i")},
    "0029": {
        "oauth2_mail_message": (
            10,
            "id, kind, user_id, address, facts, created_at, tries, next_try_at, expires_at",
            "'m' || i, 'new_device', i + 1, 'ada@people.example', '{}', 0, 0, 0, 4000000000",
        ),
    },
    "0032": {
        "oauth2_user_role": (1, "user_id, role", "i + 1, 'helpdesk'"),
        "oauth2_group_role": (1, "group_id, role", "'t' || i, 'auditor'"),
    },
    "0032a": {
        "oauth2_email_link": (
            10,
            "token_hash, user_id, email, created_at, expires_at",
            "'e' || i, i + 1, 'ada@people.example', 0, 4000000000",
        ),
    },
    "0033": {
        "oauth2_invitation": (
            10,
            "id, token_hash, note, created_by, uses, uses_left, created_at, expires_at",
            "'v' || i, 'v' || i, 'Café', 's' || i, 2, 1, 0, 4000000000",
        ),
        "oauth2_invited_group": (1, "invitation_id, group_id", "'v' || i, 't' || i"),
        "oauth2_password_link": (
            10,
            "token_hash, user_id, created_at, expires_at",
            "'l' || i, i + 1, 0, 4000000000",
        ),
    },
}
#: What operators have set in columns that came later.
LATER_VALUES = {
    "0027": "UPDATE oauth2_user SET requires_factor = true, asks_second_factor = true WHERE id = 7",
    "0027a": "UPDATE oauth2_client SET is_restricted = true, required_acr = '2' WHERE id = 'c7'",
    "0031a": "UPDATE oauth2_client SET claim_maps = '[]' WHERE id = 'c7'",
    "0033": (
        "UPDATE oauth2_user SET terms_accepted_at = CASE id WHEN 7 THEN 0 END, preferred_username_assigned = true,"
        " preferred_username = CASE id WHEN 7 THEN 'Seven' ELSE username END WHERE id IN (7, 8)"
    ),
    "0034a": "UPDATE oauth2_password_link SET created_by = 's7' WHERE user_id = 7",
}
READS = (
    "SELECT client_metadata FROM oauth2_client WHERE client_id = 'client7'",
    "SELECT revoked_at FROM oauth2_grant WHERE id = 'g7'",
    "SELECT username FROM oauth2_user WHERE id = 7",
    "SELECT scope FROM oauth2_consent WHERE id = 'o7'",
    "SELECT used_at FROM oauth2_authorization_code WHERE code_hash = 'h7'",
)


def fill(engine: Engine, rows: int, tables: dict[str, tuple[int, str, str]]) -> None:
    """Write rows into tables, so many in all into those of the first release."""
    users, clients = rows // 10, rows // 100
    with engine.begin() as connection:
        for table, (share, columns, values) in tables.items():
            numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :rows)"
            written = f"{numbers} INSERT INTO {table} ({columns}) SELECT {values} FROM n"
            sizes = {"rows": rows * share // 1000, "users": users, "clients": clients}
            connection.execute(text(written), {name: sizes[name] for name in sizes if f":{name}" in written})


class Reader(threading.Thread):
    """Reads from every table again and again, as requests do, and notes the longest wait in seconds."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self._stopped = threading.Event()
        self.longest_wait, self.rounds = 0.0, 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with closing(self._engine.connect()) as connection:
                while not self._stopped.wait(0.001):
                    for read in READS:
                        began = time.monotonic()
                        assert connection.execute(text(read)).first() is not None
                        self.longest_wait = max(self.longest_wait, time.monotonic() - began)
                    self.rounds += 1
        except Exception as error:  # looked at by the test
            self.error = error

    def end(self) -> None:
        self._stopped.set()
        self.join(ANSWER_SECONDS)


@contextmanager
def open_engine(uri: str) -> Iterator[Engine]:
    engine = create_engine(uri, isolation_level="AUTOCOMMIT")

    @event.listens_for(engine, "connect")
    def limit_waiting(connection: object, _record: object) -> None:
        if engine.dialect.name == "sqlite":
            connection.execute(f"PRAGMA busy_timeout = {LONGEST_BLOCKED_SECONDS * 1000}")
        else:
            connection.execute(f"SET lock_timeout = '{LONGEST_BLOCKED_SECONDS}s'")

    try:
        yield engine
    finally:
        engine.dispose()


@pytest.mark.parametrize("rows", [SHORT, pytest.param(LONG, marks=pytest.mark.soak)])
def test_no_step_of_an_update_blocks_a_reader(
    database_uri: str, tmp_path: Path, rows: int, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = server_environment({"SQLALCHEMY_DATABASE_URI": database_uri, "OAUTH2_INSTANCE_PATH": str(tmp_path)})
    run_command("db", "upgrade", "0001", environment=environment)
    with open_engine(database_uri) as engine:
        fill(engine, rows, ROWS)
        reader = Reader(engine)
        reader.start()
        began = time.monotonic()
        for revision in known_revisions()[1:]:
            run_command("db", "upgrade", revision, environment=environment)
            assert find_revision(engine) == revision
            fill(engine, SHORT, LATER_ROWS.get(revision, {}))
            if revision in LATER_VALUES:
                with engine.begin() as connection:
                    connection.execute(text(LATER_VALUES[revision]))
        took = time.monotonic() - began
        reader.end()

        assert reader.error is None
        assert reader.rounds
        check_filled(engine, rows)
        check_tables(engine)
    with capsys.disabled():
        print(f" [{rows} rows updated in {took:.1f} s, longest read {reader.longest_wait * 1000:.0f} ms] ", end="")


def check_filled(engine: Engine, rows: int) -> None:
    """Check what the steps derive from existing rows, and that they keep all of them."""
    users, clients = rows // 10, rows // 100
    expected = {
        "SELECT count(*) FROM oauth2_client_origin WHERE origin = 'https://client.example'": clients,
        "SELECT count(*) FROM oauth2_client WHERE subject_type = 'public' AND secret_either_way": clients,
        "SELECT count(*) FROM oauth2_client WHERE NOT is_listed": clients,
        "SELECT count(*) FROM oauth2_login_name": users + 1,
        "SELECT count(*) FROM oauth2_login_name WHERE login_key = 'seven' AND user_id = 7": 1,
        "SELECT count(*) FROM oauth2_consent WHERE shown IS NOT NULL": rows * 190 // 1000,
        "SELECT count(*) FROM oauth2_grant": rows // 2,
        "SELECT count(*) FROM oauth2_authorization_code": users,
        "SELECT count(*) FROM oauth2_user WHERE requires_factor AND asks_second_factor": 1,
        "SELECT count(*) FROM oauth2_client WHERE is_restricted AND claim_maps IS NOT NULL": 1,
        "SELECT count(*) FROM oauth2_user WHERE terms_accepted_at IS NOT NULL": 1,
    }
    later = {table: share for tables in LATER_ROWS.values() for table, (share, _columns, _values) in tables.items()}
    expected |= {f"SELECT count(*) FROM {table}": SHORT * share // 1000 for table, share in later.items()}
    with engine.connect() as connection:
        assert {read: connection.scalar(text(read)) for read in expected} == expected


def check_tables(engine: Engine) -> None:
    """Check that they are what the models say, indexes included, besides what the former release still needs."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        differences = compare_metadata(context, Base.metadata)
    former = {
        (name, column) for name, table in Base.metadata.tables.items() for column in table.info.get(FORMER_COLUMNS, ())
    }
    assert {difference[0] for difference in differences} == {"remove_column"}
    assert {(table, column.name) for _kind, _schema, table, column in differences} == former
