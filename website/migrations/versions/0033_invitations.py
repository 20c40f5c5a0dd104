"""invitations, and when people accepted the terms of use."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032a"


def upgrade():
    op.create_table(
        "oauth2_invitation",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("created_by", sa.String(length=22), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by"],
            ["oauth2_subject.subject"],
            name=op.f("fk_oauth2_invitation_created_by"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth2_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_oauth2_invitation_token_hash")),
    )
    for column in ("created_by", "expires_at"):
        op.create_index(op.f(f"ix_oauth2_invitation_{column}"), "oauth2_invitation", [column])
    op.create_table(
        "oauth2_invited_group",
        sa.Column("invitation_id", sa.String(length=22), nullable=False),
        sa.Column("group_id", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(
            ["invitation_id"],
            ["oauth2_invitation.id"],
            name=op.f("fk_oauth2_invited_group_invitation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["oauth2_group.id"], name=op.f("fk_oauth2_invited_group_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("invitation_id", "group_id", name=op.f("pk_oauth2_invited_group")),
    )
    op.create_index(op.f("ix_oauth2_invited_group_group_id"), "oauth2_invited_group", ["group_id"])
    op.add_column("oauth2_user", sa.Column("terms_accepted_at", sa.BigInteger(), nullable=True))


def downgrade():
    op.drop_column("oauth2_user", "terms_accepted_at")
    op.drop_table("oauth2_invited_group")
    op.drop_table("oauth2_invitation")
