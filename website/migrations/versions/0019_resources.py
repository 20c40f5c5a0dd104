"""resource servers (APIs), their scopes, and what clients may do there."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade():
    op.create_table(
        "oauth2_resource",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("identifier", sa.String(length=2048), nullable=False),
        sa.Column("matching_key", sa.String(length=2048), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("access_token_format", sa.String(length=10), nullable=False),
        sa.Column("access_token_alg", sa.String(length=10), nullable=False),
        sa.Column("access_token_typ", sa.String(length=10), nullable=False),
        sa.Column("access_token_seconds", sa.Integer(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_oauth2_resource"),
        sa.UniqueConstraint("matching_key", name="uq_oauth2_resource_matching_key"),
    )
    op.create_table(
        "oauth2_resource_scope",
        sa.Column("resource", sa.String(length=22), nullable=False),
        sa.Column("scope", sa.String(length=100), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource"], ["oauth2_resource.id"], name="fk_oauth2_resource_scope_resource", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource", "scope", name="pk_oauth2_resource_scope"),
    )
    op.create_table(
        "oauth2_resource_client",
        sa.Column("resource", sa.String(length=22), nullable=False),
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("may_introspect", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource"], ["oauth2_resource.id"], name="fk_oauth2_resource_client_resource", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name="fk_oauth2_resource_client_client", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource", "client", name="pk_oauth2_resource_client"),
    )
    op.create_index("ix_oauth2_resource_client_client", "oauth2_resource_client", ["client"])


def downgrade():
    op.drop_table("oauth2_resource_client")
    op.drop_table("oauth2_resource_scope")
    op.drop_table("oauth2_resource")
