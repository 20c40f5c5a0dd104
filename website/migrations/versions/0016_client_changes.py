"""the clients that changed last, so that other processes only forget those."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade():
    op.create_table(
        "oauth2_client_change",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_oauth2_client_change")),
    )


def downgrade():
    op.drop_table("oauth2_client_change")
