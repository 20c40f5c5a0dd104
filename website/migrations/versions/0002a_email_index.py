"""the unique index on users' addresses, built while others read and write."""

from alembic import op

revision = "0002a"
down_revision = "0002"

INDEX, TABLE, COLUMN = "ix_oauth2_user_email_key", "oauth2_user", "email_key"


def upgrade():
    # Databases that were at 0002 when this was a part of it have the index.
    if op.get_bind().dialect.name != "postgresql":
        op.create_index(INDEX, TABLE, [COLUMN], unique=True, if_not_exists=True)
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
            f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON {TABLE} ({COLUMN})"
        )
    finally:
        connection.close()


def downgrade():
    op.drop_index(INDEX, TABLE)
