"""OpenID Connect: authentication context of logins, grants that end with the login."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003a"


def upgrade():
    op.add_column("oauth2_session", sa.Column("acr", sa.String(length=255), nullable=True))
    op.add_column("oauth2_session", sa.Column("amr", sa.JSON(), nullable=True))
    # With a server default, as nodes of the previous release keep creating grants.
    op.add_column(
        "oauth2_grant", sa.Column("ends_with_session", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    # For clients that sign with their secret.
    op.add_column("oauth2_client_secret", sa.Column("encrypted_secret", sa.LargeBinary(), nullable=True))
    # For clients that registered themselves. With a server default, as above.
    op.add_column(
        "oauth2_client", sa.Column("is_self_registered", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("oauth2_client", sa.Column("registration_token_hash", sa.String(length=64), nullable=True))
    op.add_column("oauth2_client", sa.Column("unused_until", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_oauth2_client_unused_until"), "oauth2_client", ["unused_until"], unique=False)
    op.create_table(
        "oauth2_initial_access_token",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth2_initial_access_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_oauth2_initial_access_token_token_hash")),
    )
    op.create_index(
        op.f("ix_oauth2_initial_access_token_expires_at"), "oauth2_initial_access_token", ["expires_at"], unique=False
    )
    op.create_table(
        "oauth2_used_jti",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_oauth2_used_jti")),
    )
    op.create_index(op.f("ix_oauth2_used_jti_expires_at"), "oauth2_used_jti", ["expires_at"], unique=False)
    op.create_table(
        "oauth2_client_session",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("client", sa.String(length=22), nullable=False),
        sa.Column("session", sa.String(length=22), nullable=True),
        sa.Column("issuer", sa.String(length=2048), nullable=False),
        sa.Column("sid", sa.String(length=22), nullable=False),
        sa.Column("sub", sa.String(length=255), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client"], ["oauth2_client.id"], name=op.f("fk_oauth2_client_session_client"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session"], ["oauth2_session.id"], name=op.f("fk_oauth2_client_session_session"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth2_client_session")),
        sa.UniqueConstraint("sid", "client", name=op.f("uq_oauth2_client_session_sid_client")),
    )
    for column in ("client", "session", "expires_at"):
        op.create_index(op.f(f"ix_oauth2_client_session_{column}"), "oauth2_client_session", [column], unique=False)
    op.create_table(
        "oauth2_pairwise_subject",
        sa.Column("subject", sa.String(length=22), nullable=False),
        sa.Column("sector", sa.String(length=255), nullable=False),
        sa.Column("identifier", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject"],
            ["oauth2_subject.subject"],
            name=op.f("fk_oauth2_pairwise_subject_subject"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subject", "sector", name=op.f("pk_oauth2_pairwise_subject")),
        sa.UniqueConstraint("identifier", name=op.f("uq_oauth2_pairwise_subject_identifier")),
    )


def downgrade():
    op.drop_table("oauth2_pairwise_subject")
    op.drop_table("oauth2_client_session")
    op.drop_table("oauth2_used_jti")
    op.drop_table("oauth2_initial_access_token")
    op.drop_index(op.f("ix_oauth2_client_unused_until"), "oauth2_client")
    op.drop_column("oauth2_client", "unused_until")
    op.drop_column("oauth2_client", "registration_token_hash")
    op.drop_column("oauth2_client", "is_self_registered")
    op.drop_column("oauth2_client_secret", "encrypted_secret")
    op.drop_column("oauth2_grant", "ends_with_session")
    op.drop_column("oauth2_session", "amr")
    op.drop_column("oauth2_session", "acr")
