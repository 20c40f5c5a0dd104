"""The statement that uses what may be used once."""

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ..database import Statement
from .tables import used_jtis

#: The same text on SQLite and PostgreSQL: of all who insert one digest, one changes a row.
USE_JTI = Statement(
    postgresql_insert(used_jtis)
    .values(digest=bindparam("digest"), expires_at=bindparam("expires_at"))
    .on_conflict_do_nothing()
)
