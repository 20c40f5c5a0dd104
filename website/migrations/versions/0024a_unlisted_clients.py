"""clients of an earlier release aren't listed for everybody."""

from alembic import op

revision = "0024a"
down_revision = "0024"


def upgrade():
    # Their names and hosts were only for those who had to do with them. Not together with the new column: that blocks
    # readers of clients until the end of its transaction.
    op.execute("UPDATE oauth2_client SET is_listed = false WHERE is_listed IS NULL AND owner_subject IS NULL")


def downgrade():
    """Keep what was decided: the column goes with 0024."""
