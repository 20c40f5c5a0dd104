"""roles of this server, of accounts and groups."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031a"


def upgrade():
    op.create_table(
        "oauth2_user_role",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name="fk_oauth2_user_role_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role", name="pk_oauth2_user_role"),
    )
    op.create_table(
        "oauth2_group_role",
        sa.Column("group_id", sa.String(length=22), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["oauth2_group.id"], name="fk_oauth2_group_role_group_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "role", name="pk_oauth2_group_role"),
    )


def downgrade():
    op.drop_table("oauth2_group_role")
    op.drop_table("oauth2_user_role")
