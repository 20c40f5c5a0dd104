"""foreign keys whose indexes cost every login more than they are worth: of codes, and of grants to consents.

A code is found by its hash. Those of a deleted client or user can't be redeemed, and are deleted with them. Nothing
reads which consent a grant came from.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

KEYS = {
    "oauth2_authorization_code": {"client": "oauth2_client.id", "subject": "oauth2_subject.subject"},
    "oauth2_grant": {"consent": "oauth2_consent.id"},
}


def upgrade():
    for table, keys in KEYS.items():
        with op.batch_alter_table(table) as batch_op:
            for column in keys:
                batch_op.drop_constraint(f"fk_{table}_{column}", type_="foreignkey")


def downgrade():
    # What no longer refers to anything goes first.
    op.execute("DELETE FROM oauth2_authorization_code WHERE client NOT IN (SELECT id FROM oauth2_client)")
    op.execute("DELETE FROM oauth2_authorization_code WHERE subject NOT IN (SELECT subject FROM oauth2_subject)")
    op.execute("UPDATE oauth2_grant SET consent = NULL WHERE consent NOT IN (SELECT id FROM oauth2_consent)")
    for table, keys in KEYS.items():
        ondelete = "SET NULL" if table == "oauth2_grant" else "CASCADE"
        with op.batch_alter_table(table) as batch_op:
            for column, reference in keys.items():
                target, key = reference.split(".")
                batch_op.create_foreign_key(f"fk_{table}_{column}", target, [column], [key], ondelete=ondelete)
