"""who made a one-time link for setting a password."""

import sqlalchemy as sa
from alembic import op

revision = "0034a"
down_revision = "0034"


def upgrade():
    op.add_column("oauth2_password_link", sa.Column("created_by", sa.String(length=22), nullable=True))


def downgrade():
    op.drop_column("oauth2_password_link", "created_by")
