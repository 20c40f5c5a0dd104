"""passwords that have to be changed at the next login."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0029"
COLUMN = "password_change_required"


def upgrade():
    op.add_column("oauth2_user", sa.Column(COLUMN, sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade():
    op.drop_column("oauth2_user", COLUMN)
