"""one-time links that confirm an email address."""

import sqlalchemy as sa
from alembic import op

revision = "0032a"
down_revision = "0032"


def upgrade():
    op.create_table(
        "oauth2_email_link",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name="fk_oauth2_email_link_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name="pk_oauth2_email_link"),
    )
    for column in ("user_id", "expires_at"):
        op.create_index(f"ix_oauth2_email_link_{column}", "oauth2_email_link", [column])


def downgrade():
    op.drop_table("oauth2_email_link")
