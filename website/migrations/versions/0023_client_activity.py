"""what each client did, hour by hour."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade():
    op.create_table(
        "oauth2_client_activity",
        sa.Column("client", sa.String(22), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(255), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name="fk_oauth2_client_activity_client", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client", "began_at", "kind", name="pk_oauth2_client_activity"),
    )


def downgrade():
    op.drop_table("oauth2_client_activity")
