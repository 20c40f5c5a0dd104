"""the subject types and sectors of existing clients, as computed so far."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0010a"
down_revision = "0010"

clients = sa.table(
    "oauth2_client",
    sa.column("id", sa.String),
    sa.column("client_metadata", sa.JSON),
    sa.column("subject_type", sa.String),
    sa.column("sector", sa.String),
)


def upgrade():
    # Not together with the new columns: those block readers of clients until the end of their transaction.
    connection = op.get_bind()
    unknown = sa.select(clients.c.id, clients.c.client_metadata).where(clients.c.subject_type.is_(None))
    for row_id, metadata in connection.execute(unknown).all():
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
    """Keep them: the columns go with 0010."""
