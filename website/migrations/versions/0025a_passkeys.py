"""passkeys, and whom they are no longer offered to."""

import sqlalchemy as sa
from alembic import op

revision = "0025a"
down_revision = "0025"


def upgrade():
    op.create_table(
        "oauth2_passkey",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.String(length=1364), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("rp_id", sa.String(length=253), nullable=False),
        sa.Column("user_handle", sa.String(length=43), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", sa.JSON(), nullable=False),
        sa.Column("is_backup_eligible", sa.Boolean(), nullable=False),
        sa.Column("is_backed_up", sa.Boolean(), nullable=False),
        sa.Column("aaguid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["oauth2_user.id"], name="fk_oauth2_passkey_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_oauth2_passkey"),
        sa.UniqueConstraint("credential_id", name="uq_oauth2_passkey_credential_id"),
    )
    op.create_index("ix_oauth2_passkey_user_id", "oauth2_passkey", ["user_id"])
    op.create_table(
        "oauth2_used_challenge",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_oauth2_used_challenge"),
    )
    op.add_column("oauth2_user", sa.Column("passkeys_declined_at", sa.BigInteger(), nullable=True))


def downgrade():
    op.drop_column("oauth2_user", "passkeys_declined_at")
    op.drop_table("oauth2_used_challenge")
    op.drop_table("oauth2_passkey")
