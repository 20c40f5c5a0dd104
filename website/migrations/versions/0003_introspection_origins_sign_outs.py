"""introspecting clients, clients' origins, time of logging out everywhere."""

from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

CLIENTS_A_STEP = 1000
PORTS = {"http": 80, "https": 443}
_client = sa.table("oauth2_client", sa.column("id", sa.String), sa.column("client_metadata", sa.JSON))
_origin = sa.table("oauth2_client_origin", sa.column("origin", sa.String), sa.column("client", sa.String))


def upgrade():
    # With a server default, as nodes of the previous release keep creating clients, which may not introspect.
    op.add_column("oauth2_client", sa.Column("may_introspect", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("oauth2_subject", sa.Column("signed_out_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "oauth2_client_origin",
        sa.Column("origin", sa.String(length=2048), nullable=False),
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name=op.f("fk_oauth2_client_origin_client"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("origin", "client", name=op.f("pk_oauth2_client_origin")),
    )
    op.create_index(op.f("ix_oauth2_client_origin_client"), "oauth2_client_origin", ["client"])
    fill_origins(op.get_bind())


def fill_origins(connection):
    """Add the origins of existing clients."""
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
            connection.execute(sa.insert(_origin), rows)


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
    op.drop_index(op.f("ix_oauth2_client_origin_client"), "oauth2_client_origin")
    op.drop_table("oauth2_client_origin")
    op.drop_column("oauth2_subject", "signed_out_at")
    op.drop_column("oauth2_client", "may_introspect")
