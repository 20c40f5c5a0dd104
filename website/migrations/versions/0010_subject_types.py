"""columns for a client's fixed subject type and sector."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade():
    # Null in clients from nodes of the previous release: then they follow from the metadata.
    op.add_column("oauth2_client", sa.Column("subject_type", sa.String(length=10), nullable=True))
    op.add_column("oauth2_client", sa.Column("sector", sa.String(length=255), nullable=True))


def downgrade():
    op.drop_column("oauth2_client", "sector")
    op.drop_column("oauth2_client", "subject_type")
