"""indexes that no statement of a request reads, but every login or revocation had to write."""

from alembic import op

revision = "0017"
down_revision = "0016"

INDEXES = (
    ("oauth2_authorization_code", "client"),
    ("oauth2_authorization_code", "subject"),
    ("oauth2_grant", "consent"),
    ("oauth2_grant", "expires_at"),
    ("oauth2_grant", "session"),
    ("oauth2_revoked_token", "expires_at"),
    ("oauth2_used_jti", "expires_at"),
)


def upgrade():
    if op.get_bind().dialect.name != "postgresql":
        for table, column in INDEXES:
            op.drop_index(f"ix_{table}_{column}", table)
        return
    # On a connection of its own, as it can't be done concurrently within the migration's transaction. May be repeated.
    connection = op.get_bind().engine.raw_connection()
    try:
        for table, column in INDEXES:
            connection.driver_connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS ix_{table}_{column}")
    finally:
        connection.close()


def downgrade():
    for table, column in INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column])
