"""clients' secret in header or body, access token algorithm and extra origins; clients of disabled owners."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_user = sa.table("oauth2_user", sa.column("id", sa.Integer), sa.column("disabled_at", sa.BigInteger))
_subject = sa.table("oauth2_subject", sa.column("subject", sa.String), sa.column("user_id", sa.String))
_client = sa.table(
    "oauth2_client",
    sa.column("id", sa.String),
    sa.column("owner_subject", sa.String),
    sa.column("token_epoch", sa.Integer),
    sa.column("disabled_at", sa.BigInteger),
    sa.column("is_self_registered", sa.Boolean),
    sa.column("registration_token_hash", sa.String),
    sa.column("secret_either_way", sa.Boolean),
)
_grant = sa.table("oauth2_grant", sa.column("client", sa.String), sa.column("revoked_at", sa.BigInteger))


def upgrade():
    # With a server default, as nodes of the previous release keep creating clients, which accept one method only.
    op.add_column(
        "oauth2_client", sa.Column("secret_either_way", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("oauth2_client", sa.Column("access_token_alg", sa.String(length=10), nullable=True))
    op.add_column("oauth2_client", sa.Column("extra_origins", sa.JSON(), nullable=True))
    by_hand = sa.and_(_client.c.registration_token_hash.is_(None), _client.c.is_self_registered.is_(sa.false()))
    op.execute(sa.update(_client).where(by_hand).values(secret_either_way=sa.true()))
    end_clients_of_disabled_owners(int(time.time()))


def end_clients_of_disabled_owners(present):
    """Do what disabling an account does from this release onward."""
    same = _subject.c.user_id == sa.cast(_user.c.id, sa.String)
    gone = sa.select(_subject.c.subject).join(_user, same).where(_user.c.disabled_at.is_not(None))
    theirs = _client.c.owner_subject.in_(gone)
    clients = sa.select(_client.c.id).where(theirs)
    alive = (_grant.c.client.in_(clients), _grant.c.revoked_at.is_(None))
    op.execute(sa.update(_grant).where(*alive).values(revoked_at=present))
    ended = {"disabled_at": present, "token_epoch": _client.c.token_epoch + 1}
    op.execute(sa.update(_client).where(theirs, _client.c.disabled_at.is_(None)).values(ended))


def downgrade():
    op.drop_column("oauth2_client", "extra_origins")
    op.drop_column("oauth2_client", "access_token_alg")
    op.drop_column("oauth2_client", "secret_either_way")
