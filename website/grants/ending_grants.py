"""Statements that end grants, shared by consents, codes and refresh tokens."""

from sqlalchemy import bindparam, update

from ..database import Statement
from ..database.tables import grant, grants

REVOKE_GRANT = Statement(
    update(grants)
    .where(grant.id == bindparam("grant_"), grant.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
REVOKE_GRANT_OF_CLIENT = Statement(
    update(grants)
    .where(grant.id == bindparam("grant_"), grant.client == bindparam("client_"), grant.revoked_at.is_(None))
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
