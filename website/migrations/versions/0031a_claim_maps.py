"""the claims that a client gets in addition."""

import sqlalchemy as sa
from alembic import op

revision = "0031a"
down_revision = "0031"


def upgrade():
    op.add_column("oauth2_client", sa.Column("claim_maps", sa.JSON(), nullable=True))


def downgrade():
    op.drop_column("oauth2_client", "claim_maps")
