"""a grant's repeated refresh tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    op.add_column("oauth2_grant", sa.Column("rotated_from", sa.String(length=64), nullable=True))
    op.add_column("oauth2_grant", sa.Column("repeated_generation", sa.Integer(), nullable=True))
    op.add_column("oauth2_grant", sa.Column("repeated_elsewhere_generation", sa.Integer(), nullable=True))
    # With server defaults, as nodes of the previous release keep creating grants.
    for name in ("generations_repeated", "generations_repeated_elsewhere"):
        op.add_column("oauth2_grant", sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("oauth2_grant", sa.Column("used_in_two_places_at", sa.BigInteger(), nullable=True))


def downgrade():
    for name in (
        "used_in_two_places_at",
        "generations_repeated_elsewhere",
        "generations_repeated",
        "repeated_elsewhere_generation",
        "repeated_generation",
        "rotated_from",
    ):
        op.drop_column("oauth2_grant", name)
