"""the browser that an authorization request started in."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade():
    # Nodes of the previous release leave it empty: their requests belong to the first browser that opens them.
    op.add_column("oauth2_authorization_request", sa.Column("browser", sa.String(length=64), nullable=True))


def downgrade():
    op.drop_column("oauth2_authorization_request", "browser")
