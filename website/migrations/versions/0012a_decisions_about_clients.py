"""the secret in header or body for clients made by hand; the end of clients of disabled owners."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0012a"
down_revision = "0012"

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
    # Not together with the new columns: those block readers of clients until the end of their transaction.
    if op.get_bind().scalar(sa.select(_client.c.id).where(_client.c.secret_either_way).limit(1)) is not None:
        return  # at 0012 when this was a part of it
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
    """Keep what was decided: the columns go with 0012."""
