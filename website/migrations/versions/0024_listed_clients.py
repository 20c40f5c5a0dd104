"""whether everybody's home page lists a client."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade():
    op.add_column("oauth2_client", sa.Column("is_listed", sa.Boolean(), nullable=True))


def downgrade():
    op.drop_column("oauth2_client", "is_listed")
