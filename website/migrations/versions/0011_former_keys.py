"""public parts of former signing keys, for verifying old ID tokens as hints."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010a"


def upgrade():
    op.create_table(
        "oauth2_former_key",
        sa.Column("id", sa.String(length=43), nullable=False),
        sa.Column("algorithm", sa.String(length=20), nullable=False),
        sa.Column("public_jwk", sa.JSON(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth2_former_key")),
    )
    op.create_index(op.f("ix_oauth2_former_key_withdrawn_at"), "oauth2_former_key", ["withdrawn_at"], unique=False)


def downgrade():
    op.drop_table("oauth2_former_key")
