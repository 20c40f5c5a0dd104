"""the origins of existing clients."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import insert  # whose SQL SQLite understands too

revision = "0003a"
down_revision = "0003"

CLIENTS_A_STEP = 1000
PORTS = {"http": 80, "https": 443}
_client = sa.table("oauth2_client", sa.column("id", sa.String), sa.column("client_metadata", sa.JSON))
_origin = sa.table("oauth2_client_origin", sa.column("origin", sa.String), sa.column("client", sa.String))


def upgrade():
    # Not together with the new columns: those block readers of clients until the end of their transaction.
    connection = op.get_bind()
    last = ""
    while True:
        step = sa.select(_client).where(_client.c.id > last).order_by(_client.c.id).limit(CLIENTS_A_STEP)
        clients = connection.execute(step).all()
        if not clients:
            return
        last = clients[-1].id
        rows = [
            {"origin": origin, "client": client.id}
            for client in clients
            for origin in {origin_of(uri) for uri in client.client_metadata.get("redirect_uris", ())} - {None}
        ]
        if rows:
            connection.execute(insert(_origin).on_conflict_do_nothing(), rows)


def origin_of(uri):
    """Return the origin as redirect_uris.py did at the time: migrations don't follow later changes."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, PORTS[parts.scheme]) else f":{port}")


def downgrade():
    """Keep them: the table goes with 0003."""
