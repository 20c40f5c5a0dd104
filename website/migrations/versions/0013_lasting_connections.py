"""whether grants end with the login, and columns for the client details that a consent was given for."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012a"


def upgrade():
    op.add_column("oauth2_client", sa.Column("ends_with_login", sa.Boolean(), nullable=True))
    op.add_column("oauth2_authorization_code", sa.Column("stays_connected", sa.Boolean(), nullable=True))
    op.add_column("oauth2_consent", sa.Column("shown", sa.JSON(), nullable=True))
    # With a server default, as nodes of the previous release keep creating consents.
    op.add_column(
        "oauth2_consent", sa.Column("stays_connected", sa.Boolean(), server_default=sa.false(), nullable=False)
    )


def downgrade():
    op.drop_column("oauth2_consent", "stays_connected")
    op.drop_column("oauth2_consent", "shown")
    op.drop_column("oauth2_authorization_code", "stays_connected")
    op.drop_column("oauth2_client", "ends_with_login")
