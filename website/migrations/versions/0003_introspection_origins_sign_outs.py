"""introspecting clients, clients' origins, time of logging out everywhere."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002a"


def upgrade():
    # With a server default, as nodes of the previous release keep creating clients, which may not introspect.
    op.add_column("oauth2_client", sa.Column("may_introspect", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("oauth2_subject", sa.Column("signed_out_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "oauth2_client_origin",
        sa.Column("origin", sa.String(length=2048), nullable=False),
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name=op.f("fk_oauth2_client_origin_client"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("origin", "client", name=op.f("pk_oauth2_client_origin")),
    )
    op.create_index(op.f("ix_oauth2_client_origin_client"), "oauth2_client_origin", ["client"])


def downgrade():
    op.drop_index(op.f("ix_oauth2_client_origin_client"), "oauth2_client_origin")
    op.drop_table("oauth2_client_origin")
    op.drop_column("oauth2_subject", "signed_out_at")
    op.drop_column("oauth2_client", "may_introspect")
