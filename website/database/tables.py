"""Tables used by the statements of several modules: plural names are tables, singular names their columns.

A table used by one module is named there, with :func:`table_of`.
"""

from typing import Any, cast

from sqlalchemy import Column, ScalarSelect, Table, TextClause, bindparam, exists, or_, select, text

from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.base import Base
from ..models.consent import Consent
from ..models.device_code import DeviceCode
from ..models.grant import Grant
from ..models.login_session import LoginSession
from ..models.subject import Subject


def table_of(model: type[Base]) -> Table:
    return cast(Table, model.__table__)


codes, consents, grants = table_of(OAuth2AuthorizationCode), table_of(Consent), table_of(Grant)
device_codes, sessions, subjects = table_of(DeviceCode), table_of(LoginSession), table_of(Subject)
code, consent, grant = codes.c, consents.c, grants.c
device_code, session, subject = device_codes.c, sessions.c, subjects.c


#: Whether a login session is still valid: ended ones have no row, others may have expired. Idle time doesn't count
#: here: it only ends the cookie, not clients' grants.
login_lasts = session.expires_at > bindparam("now")
#: Whether a grant's login session is valid, if the grant ends with it.
grant_login_lasts = or_(grant.ends_with_session.is_(False), exists().where(session.id == grant.session, login_lasts))


def equals_changed(column: Column[Any], changed: Column[Any]) -> TextClause:
    """Return the condition, in a subquery of a RETURNING, that a column equals one of the changed row.

    It is literal SQL: for SQLite, SQLAlchemy omits table names in a RETURNING, even in its subqueries, and ``subject =
    subject`` would match the first row.
    """
    return text(f"{column.table.name}.{column.name} = {changed.table.name}.{changed.name}")


def epoch_of_subject(changed: Column[Any]) -> ScalarSelect[Any]:
    """Look up the token epoch of a changed row's subject within a RETURNING, without another round trip."""
    return select(subject.token_epoch).where(equals_changed(subject.subject, changed)).scalar_subquery()
