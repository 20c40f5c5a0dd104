"""device codes, and the wrong user codes of the last minute."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade():
    op.create_table(
        "oauth2_device_code",
        sa.Column("device_code_hash", sa.String(64), nullable=False),
        sa.Column("user_code_hash", sa.String(64), nullable=False),
        sa.Column("client", sa.String(22), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("resources", sa.JSON(), nullable=True),
        sa.Column("code_challenge", sa.String(128), nullable=True),
        sa.Column("code_challenge_method", sa.String(10), nullable=True),
        sa.Column("address", sa.String(45), nullable=True),
        sa.Column("network", sa.String(45), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("session", sa.String(22), nullable=True),
        sa.Column("subject", sa.String(22), nullable=True),
        sa.Column("subject_epoch", sa.Integer(), nullable=True),
        sa.Column("auth_time", sa.BigInteger(), nullable=True),
        sa.Column("acr", sa.String(255), nullable=True),
        sa.Column("amr", sa.JSON(), nullable=True),
        sa.Column("stays_connected", sa.Boolean(), nullable=True),
        sa.Column("denied_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("grant", sa.String(22), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name="fk_oauth2_device_code_client", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_code_hash", name="pk_oauth2_device_code"),
        sa.UniqueConstraint("user_code_hash", name="uq_oauth2_device_code_user_code_hash"),
    )
    for column in ("client", "expires_at"):
        op.create_index(f"ix_oauth2_device_code_{column}", "oauth2_device_code", [column])
    op.create_table(
        "oauth2_user_code_guess",
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("guesses", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_oauth2_user_code_guess"),
    )
    op.create_index("ix_oauth2_user_code_guess_expires_at", "oauth2_user_code_guess", ["expires_at"])


def downgrade():
    op.drop_table("oauth2_user_code_guess")
    op.drop_table("oauth2_device_code")
