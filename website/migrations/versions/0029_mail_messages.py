"""emails that wait to be sent."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0027a"


def upgrade():
    op.create_table(
        "oauth2_mail_message",
        sa.Column("id", sa.String(22), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(400), nullable=False),
        sa.Column("language", sa.String(35), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.String(255), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name="fk_oauth2_mail_message_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_oauth2_mail_message"),
    )
    for column in ("user_id", "next_try_at", "expires_at"):
        op.create_index(f"ix_oauth2_mail_message_{column}", "oauth2_mail_message", [column])


def downgrade():
    op.drop_table("oauth2_mail_message")
