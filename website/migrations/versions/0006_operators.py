"""accounts of operators."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade():
    # With a default of the server's own: a node of the former release goes on making accounts, none an operator's.
    op.add_column("oauth2_user", sa.Column("is_operator", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade():
    op.drop_column("oauth2_user", "is_operator")
