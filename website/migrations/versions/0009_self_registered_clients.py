"""clients that registered themselves by an initial access token are marked as such, too."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade():
    client = sa.table(
        "oauth2_client", sa.column("is_self_registered", sa.Boolean), sa.column("registration_token_hash", sa.String)
    )
    op.execute(
        client.update().where(client.c.registration_token_hash.is_not(None)).values(is_self_registered=sa.true())
    )


def downgrade():
    """Leave the mark: the release before shows one warning more."""
