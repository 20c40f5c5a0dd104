"""one namespace of login names, one-time links for setting a password, scopes' claims in ID tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade():
    # With server defaults, as nodes of the previous release keep creating users and clients.
    op.add_column(
        "oauth2_user",
        sa.Column("preferred_username_assigned", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "oauth2_client", sa.Column("claims_in_id_token", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "oauth2_login_name",
        sa.Column("login_key", sa.String(length=400), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name=op.f("fk_oauth2_login_name_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("login_key", name=op.f("pk_oauth2_login_name")),
    )
    op.create_index(op.f("ix_oauth2_login_name_user_id"), "oauth2_login_name", ["user_id"], unique=False)
    op.create_table(
        "oauth2_password_link",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["oauth2_user.id"], name=op.f("fk_oauth2_password_link_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_oauth2_password_link")),
    )
    for column in ("user_id", "expires_at"):
        op.create_index(op.f(f"ix_oauth2_password_link_{column}"), "oauth2_password_link", [column], unique=False)


def downgrade():
    op.drop_table("oauth2_password_link")
    op.drop_table("oauth2_login_name")
    op.drop_column("oauth2_client", "claims_in_id_token")
    op.drop_column("oauth2_user", "preferred_username_assigned")
