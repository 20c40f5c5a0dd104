"""mark clients that registered themselves with an initial access token."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008a"


def upgrade():
    client = sa.table(
        "oauth2_client", sa.column("is_self_registered", sa.Boolean), sa.column("registration_token_hash", sa.String)
    )
    op.execute(
        client.update().where(client.c.registration_token_hash.is_not(None)).values(is_self_registered=sa.true())
    )


def downgrade():
    """Keep the mark: the previous release only shows an additional warning."""
