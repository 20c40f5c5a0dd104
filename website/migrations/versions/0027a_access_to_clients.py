"""who may use which client, and the epoch that ends many grants at once."""

import sqlalchemy as sa
from alembic import op

revision = "0027a"
down_revision = "0027"


def upgrade():
    op.add_column("oauth2_client", sa.Column("is_restricted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("oauth2_client", sa.Column("required_acr", sa.String(length=10), nullable=True))
    op.add_column("oauth2_grant", sa.Column("client_epoch", sa.Integer(), nullable=True))
    op.create_table(
        "oauth2_client_group",
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.Column("group_id", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name="fk_oauth2_client_group_client", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["oauth2_group.id"], name="fk_oauth2_client_group_group_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client", "group_id", name="pk_oauth2_client_group"),
    )
    op.create_index("ix_oauth2_client_group_group_id", "oauth2_client_group", ["group_id"])


def downgrade():
    op.drop_table("oauth2_client_group")
    op.drop_column("oauth2_grant", "client_epoch")
    op.drop_column("oauth2_client", "required_acr")
    op.drop_column("oauth2_client", "is_restricted")
