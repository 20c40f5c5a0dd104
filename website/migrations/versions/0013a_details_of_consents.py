"""the client details that existing consents were given for."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0013a"
down_revision = "0013"

_client = sa.table(
    "oauth2_client",
    sa.column("id", sa.String),
    sa.column("client_name", sa.String),
    sa.column("client_metadata", sa.JSON),
)
_consent = sa.table("oauth2_consent", sa.column("client", sa.String), sa.column("shown", sa.JSON))


def upgrade():
    # Not together with the new columns: those block readers of consents until the end of their transaction.
    # Treat existing consents as given for the client's current details, so that nobody is asked again without a change.
    connection = op.get_bind()
    consented = sa.select(_consent.c.client).distinct()
    clients = connection.execute(sa.select(_client).where(_client.c.id.in_(consented))).all()
    for client in clients:
        metadata = client.client_metadata
        shown = {
            "client_name": client.client_name,
            "client_uri": metadata.get("client_uri") or "",
            "redirect_hosts": sorted({host_of(uri) for uri in metadata.get("redirect_uris") or ()}),
        }
        connection.execute(
            sa.update(_consent).where(_consent.c.client == client.id, _consent.c.shown.is_(None)).values(shown=shown)
        )


def host_of(uri):
    """Return the host as redirect_uris.py did at the time: migrations don't follow later changes."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises if the port is not a number
    except ValueError:
        return uri
    return parts.netloc or f"{parts.scheme}: (an app on this device)"


def downgrade():
    """Keep them: the column goes with 0013."""
