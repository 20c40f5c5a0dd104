"""clients' secret in header or body, access token algorithm and extra origins."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade():
    # With a server default, as nodes of the previous release keep creating clients, which accept one method only.
    op.add_column(
        "oauth2_client", sa.Column("secret_either_way", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("oauth2_client", sa.Column("access_token_alg", sa.String(length=10), nullable=True))
    op.add_column("oauth2_client", sa.Column("extra_origins", sa.JSON(), nullable=True))


def downgrade():
    op.drop_column("oauth2_client", "extra_origins")
    op.drop_column("oauth2_client", "access_token_alg")
    op.drop_column("oauth2_client", "secret_either_way")
