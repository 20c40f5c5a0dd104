"""the index that finds an account's last login, built while others read and write."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034a"

INDEX, TABLE, CONDITION = "ix_oauth2_event_login", "oauth2_event", "event = 'login' AND outcome = 'success'"


def upgrade():
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(INDEX, TABLE, ["subject", "occurred_at"], sqlite_where=sa.text(CONDITION))
        return
    # On a connection of its own, as it can't be built concurrently within the migration's transaction.
    connection = op.get_bind().engine.raw_connection()
    try:
        # A former try that was interrupted leaves an index that isn't valid.
        invalid = connection.driver_connection.execute(
            "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", [INDEX]
        ).fetchone()
        if invalid:
            connection.driver_connection.execute(f"DROP INDEX CONCURRENTLY {INDEX}")
        connection.driver_connection.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON {TABLE} (subject, occurred_at) WHERE {CONDITION}"
        )
    finally:
        connection.close()


def downgrade():
    op.drop_index(INDEX, TABLE)
