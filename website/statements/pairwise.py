"""The statements about pairwise subjects."""

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from ..database import Statement
from .tables import pairwise_subjects

_pairwise = pairwise_subjects.c
READ_PAIRWISE = Statement(
    select(_pairwise.identifier).where(
        _pairwise.subject == bindparam("subject_"), _pairwise.sector == bindparam("sector_")
    )
)
#: The same text on SQLite and PostgreSQL: of two that are made at once one stays, and both learn it.
MAKE_PAIRWISE = Statement(
    postgresql_insert(pairwise_subjects)
    .values(subject=bindparam("subject"), sector=bindparam("sector"), identifier=bindparam("identifier"))
    .on_conflict_do_update(
        index_elements=[_pairwise.subject, _pairwise.sector], set_={"identifier": _pairwise.identifier}
    )
    .returning(_pairwise.identifier)
)
