"""groups of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024a"


def upgrade():
    op.create_table(
        "oauth2_group",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=100), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("requires_factor", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth2_group"),
        sa.UniqueConstraint("name_key", name="uq_oauth2_group_name_key"),
    )
    op.create_table(
        "oauth2_membership",
        sa.Column("group_id", sa.String(length=22), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["oauth2_group.id"], name="fk_oauth2_membership_group_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name="fk_oauth2_membership_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_oauth2_membership"),
    )
    op.create_index("ix_oauth2_membership_user_id", "oauth2_membership", ["user_id"])


def downgrade():
    op.drop_table("oauth2_membership")
    op.drop_table("oauth2_group")
