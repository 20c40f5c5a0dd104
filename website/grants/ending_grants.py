"""Statements that end grants and single tokens."""

from sqlalchemy import (
    bindparam,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ..database import Statement
from ..database.tables import grant, grants, revoked_tokens

REVOKE_GRANT = Statement(
    update(grants)
    .where(grant.id == bindparam("grant_"), grant.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
REVOKE_GRANTS_TO_CLIENT = Statement(
    update(grants)
    .where(
        grant.subject == bindparam("subject_"),
        grant.client == bindparam("client_"),
        grant.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("now"))
)
#: The same text on SQLite and PostgreSQL: a second revocation of one token changes nothing.
REVOKE_TOKEN = Statement(
    postgresql_insert(revoked_tokens).values(jti=bindparam("jti"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
)  # fmt: skip
