"""the login names of existing users."""

from alembic import op

revision = "0008a"
down_revision = "0008"


def upgrade():
    # Not together with the new columns: those block readers of users until the end of their transaction. Databases that
    # were at 0008 when this was a part of it have them.
    op.execute(
        "INSERT INTO oauth2_login_name (login_key, user_id) SELECT username_key, id FROM oauth2_user"
        " WHERE true ON CONFLICT DO NOTHING"
    )
    # If one account's verified address is another's username, the username wins.
    op.execute(
        "INSERT INTO oauth2_login_name (login_key, user_id) SELECT email_key, id FROM oauth2_user"
        " WHERE email_verified AND email_key IS NOT NULL"
        " AND email_key NOT IN (SELECT username_key FROM oauth2_user) ON CONFLICT DO NOTHING"
    )


def downgrade():
    """Keep them: the table goes with 0008."""
