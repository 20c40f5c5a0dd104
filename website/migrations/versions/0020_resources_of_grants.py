"""the APIs that codes, grants and consents are for, with the scopes at each."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = ("oauth2_authorization_code", "oauth2_grant", "oauth2_consent")


def upgrade():
    for table in TABLES:
        op.add_column(table, sa.Column("resources", sa.JSON(), nullable=True))


def downgrade():
    for table in reversed(TABLES):
        op.drop_column(table, "resources")
