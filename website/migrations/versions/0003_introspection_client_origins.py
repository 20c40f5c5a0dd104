"""clients that may introspect."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    # With a default of the server's own: a node of the former release goes on making clients, and these may not.
    op.add_column("oauth2_client", sa.Column("may_introspect", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade():
    op.drop_column("oauth2_client", "may_introspect")
