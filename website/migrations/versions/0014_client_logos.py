"""clients' logos, and whether pages show them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013a"


def upgrade():
    op.add_column("oauth2_client", sa.Column("shows_logo", sa.Boolean(), nullable=True))
    op.create_table(
        "oauth2_client_logo",
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.Column("logo_uri", sa.Text(), nullable=False),
        sa.Column("content_type", sa.String(length=20), nullable=True),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("problem", sa.String(length=255), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name="fk_oauth2_client_logo_client", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client", name="pk_oauth2_client_logo"),
    )


def downgrade():
    op.drop_table("oauth2_client_logo")
    op.drop_column("oauth2_client", "shows_logo")
