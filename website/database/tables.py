"""Tables used by the statements of several modules: plural names are tables, singular names their columns.

A table used by one module is named there, with :func:`table_of`.
"""

from typing import Any, cast

from sqlalchemy import Column, ColumnElement, ScalarSelect, Table, bindparam, exists, or_, select, text

from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.base import Base
from ..models.consent import Consent
from ..models.grant import Grant
from ..models.login_session import LoginSession
from ..models.subject import Subject


def table_of(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


codes, consents, grants = table_of(OAuth2AuthorizationCode), table_of(Consent), table_of(Grant)
sessions, subjects = table_of(LoginSession), table_of(Subject)
code, consent, grant = codes.c, consents.c, grants.c
session, subject = sessions.c, subjects.c


#: Whether a login session is still valid: ended ones have no row, others may have expired. Idle time doesn't count
#: here: it only ends the cookie, not clients' grants.
login_lasts = session.expires_at > bindparam("now")
#: Whether a grant's login session is valid, if the grant ends with it.
grant_login_lasts = or_(grant.ends_with_session.is_(False), exists().where(session.id == grant.session, login_lasts))


def column_of_subject(column: ColumnElement[Any], subject: Column[Any]) -> ScalarSelect[Any]:
    """Look up a column of the subject within a RETURNING, without another round trip.

    The condition is literal SQL: for SQLite, SQLAlchemy omits table names in a RETURNING, even in its subqueries, and
    ``subject = subject`` would match the first row.
    """
    same = text(f"{subjects.name}.subject = {subject.table.name}.{subject.name}")
    return select(column).where(same).scalar_subquery()
