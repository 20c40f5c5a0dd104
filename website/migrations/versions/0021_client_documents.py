"""clients' metadata documents."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade():
    op.create_table(
        "oauth2_client_document",
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("fresh_until", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name="fk_oauth2_client_document_client", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("client", name="pk_oauth2_client_document"),
    )


def downgrade():
    # Their clients can't be used without the documents.
    op.execute("DELETE FROM oauth2_client WHERE client_id LIKE 'https://%'")
    op.drop_table("oauth2_client_document")
