"""the preferred usernames that operators assigned, among the names of users."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

BATCH = 1000
INSERT = sa.text(
    "INSERT INTO oauth2_login_name (login_key, user_id) VALUES (:login_key, :user_id) ON CONFLICT DO NOTHING"
)


def upgrade():
    # A name that is another account's already stays that one's: `flask check-config` names both.
    query = sa.text(
        "SELECT id, preferred_username FROM oauth2_user"
        " WHERE preferred_username_assigned AND preferred_username IS NOT NULL AND id > :after ORDER BY id LIMIT :batch"
    )
    connection, after = op.get_bind(), 0
    while rows := connection.execute(query, {"after": after, "batch": BATCH}).all():
        names = [{"login_key": key_of(row.preferred_username), "user_id": row.id} for row in rows]
        connection.execute(INSERT, [name for name in names if len(name["login_key"]) <= 400])
        after = rows[-1].id


def key_of(name):
    """Return the key of a username, as it was at this step."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def downgrade():
    op.execute(
        "DELETE FROM oauth2_login_name WHERE login_key NOT IN (SELECT username_key FROM oauth2_user)"
        " AND login_key NOT IN (SELECT email_key FROM oauth2_user WHERE email_verified AND email_key IS NOT NULL)"
    )
