"""columns for a client's fixed subject type and sector, filled with the values computed so far."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

clients = sa.table(
    "oauth2_client",
    sa.column("id", sa.String),
    sa.column("client_metadata", sa.JSON),
    sa.column("subject_type", sa.String),
    sa.column("sector", sa.String),
)


def upgrade():
    # Null in clients from nodes of the previous release: then they follow from the metadata.
    op.add_column("oauth2_client", sa.Column("subject_type", sa.String(length=10), nullable=True))
    op.add_column("oauth2_client", sa.Column("sector", sa.String(length=255), nullable=True))
    connection = op.get_bind()
    for row_id, metadata in connection.execute(sa.select(clients.c.id, clients.c.client_metadata)).all():
        is_pairwise = metadata.get("subject_type") == "pairwise"
        values = {
            "subject_type": "pairwise" if is_pairwise else "public",
            "sector": former_sector(metadata) if is_pairwise else None,
        }
        connection.execute(sa.update(clients).where(clients.c.id == row_id).values(values))


def former_sector(metadata):
    """Return the sector as the previous release computed it, so that users' identifiers don't change."""
    named = metadata.get("sector_identifier_uri") or next(iter(metadata.get("redirect_uris") or ()), "")
    try:
        parts = urlsplit(named)
        return (parts.hostname or parts.scheme)[:255]
    except ValueError:
        return ""


def downgrade():
    op.drop_column("oauth2_client", "sector")
    op.drop_column("oauth2_client", "subject_type")
