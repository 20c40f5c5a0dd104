"""second factors: authenticator apps, recovery codes, and who needs one."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0025a"


def upgrade():
    for name in ("requires_factor", "asks_second_factor"):
        op.add_column("oauth2_user", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "oauth2_totp_secret",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("encrypted_secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name=op.f("fk_oauth2_totp_secret_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_oauth2_totp_secret")),
    )
    op.create_table(
        "oauth2_recovery_code",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name=op.f("fk_oauth2_recovery_code_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "code_hash", name=op.f("pk_oauth2_recovery_code")),
    )


def downgrade():
    op.drop_table("oauth2_recovery_code")
    op.drop_table("oauth2_totp_secret")
    for name in ("asks_second_factor", "requires_factor"):
        op.drop_column("oauth2_user", name)
