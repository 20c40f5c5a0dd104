"""the operator role."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade():
    # With a server default, as nodes of the previous release keep creating accounts, without the operator role.
    op.add_column("oauth2_user", sa.Column("is_operator", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade():
    op.drop_column("oauth2_user", "is_operator")
