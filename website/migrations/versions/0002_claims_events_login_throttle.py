"""claims of users, security events, login throttle."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    # Add columns in place: on SQLite a batch copies the table and would forget which ids were already used.
    op.create_table(
        "oauth2_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=True),
        sa.Column("subject", sa.String(length=22), nullable=True),
        sa.Column("client", sa.String(length=22), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth2_event")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("oauth2_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_oauth2_event_occurred_at"), ["occurred_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_oauth2_event_subject"), ["subject"], unique=False)

    op.create_table(
        "oauth2_login_throttle",
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_oauth2_login_throttle")),
    )
    with op.batch_alter_table("oauth2_login_throttle", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_oauth2_login_throttle_expires_at"), ["expires_at"], unique=False)

    op.add_column("oauth2_user", sa.Column("name", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("given_name", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("family_name", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("middle_name", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("nickname", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("preferred_username", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("profile", sa.Text(), nullable=True))
    op.add_column("oauth2_user", sa.Column("picture", sa.Text(), nullable=True))
    op.add_column("oauth2_user", sa.Column("website", sa.Text(), nullable=True))
    op.add_column("oauth2_user", sa.Column("email", sa.String(length=254), nullable=True))
    op.add_column("oauth2_user", sa.Column("email_key", sa.String(length=400), nullable=True))
    op.add_column("oauth2_user", sa.Column("email_verified", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("oauth2_user", sa.Column("gender", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("birthdate", sa.String(length=10), nullable=True))
    op.add_column("oauth2_user", sa.Column("zoneinfo", sa.String(length=64), nullable=True))
    op.add_column("oauth2_user", sa.Column("locale", sa.String(length=35), nullable=True))
    op.add_column("oauth2_user", sa.Column("phone_number", sa.String(length=50), nullable=True))
    op.add_column(
        "oauth2_user", sa.Column("phone_number_verified", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("oauth2_user", sa.Column("street_address", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("locality", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("region", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("postal_code", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("country", sa.String(length=255), nullable=True))
    op.add_column("oauth2_user", sa.Column("updated_at", sa.BigInteger(), nullable=True))


def downgrade():
    op.drop_column("oauth2_user", "updated_at")
    op.drop_column("oauth2_user", "country")
    op.drop_column("oauth2_user", "postal_code")
    op.drop_column("oauth2_user", "region")
    op.drop_column("oauth2_user", "locality")
    op.drop_column("oauth2_user", "street_address")
    op.drop_column("oauth2_user", "phone_number_verified")
    op.drop_column("oauth2_user", "phone_number")
    op.drop_column("oauth2_user", "locale")
    op.drop_column("oauth2_user", "zoneinfo")
    op.drop_column("oauth2_user", "birthdate")
    op.drop_column("oauth2_user", "gender")
    op.drop_column("oauth2_user", "email_verified")
    op.drop_column("oauth2_user", "email_key")
    op.drop_column("oauth2_user", "email")
    op.drop_column("oauth2_user", "website")
    op.drop_column("oauth2_user", "picture")
    op.drop_column("oauth2_user", "profile")
    op.drop_column("oauth2_user", "preferred_username")
    op.drop_column("oauth2_user", "nickname")
    op.drop_column("oauth2_user", "middle_name")
    op.drop_column("oauth2_user", "family_name")
    op.drop_column("oauth2_user", "given_name")
    op.drop_column("oauth2_user", "name")

    with op.batch_alter_table("oauth2_login_throttle", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_oauth2_login_throttle_expires_at"))

    op.drop_table("oauth2_login_throttle")
    with op.batch_alter_table("oauth2_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_oauth2_event_subject"))
        batch_op.drop_index(batch_op.f("ix_oauth2_event_occurred_at"))

    op.drop_table("oauth2_event")
