"""Our own users as parts of other packages' statements, which so read or judge a subject's account in the same trip."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, ColumnElement, FromClause, and_, case, cast, exists, func, literal_column
from sqlalchemy.sql.expression import outerjoin

from ..database import Row
from ..database.tables import equals_changed, subject, subjects, table_of
from ..models.user import User
from .claim_columns import ClaimColumns
from .users_protocol import Account

own_users = table_of(User)
_user = own_users.c
#: The columns of an account, in the order in which :func:`account_of` takes them.
ACCOUNT_COLUMNS = (_user.id, _user.username, _user.disabled_at, _user.is_operator, _user.locale)


class OwnUser(NamedTuple):
    """A user who may log in, as another package's statement has read them along."""

    account: Account
    #: The columns of claims that the statement has, and their values.
    claim_columns: ClaimColumns | None = None
    claim_values: Row = ()

    @classmethod
    def from_row(cls, row: Row, claim_columns: ClaimColumns | None = None) -> OwnUser | None:
        """Create it from ``ACCOUNT_COLUMNS`` and, if the statement has them, some columns of claims."""
        account = account_of(row[: len(ACCOUNT_COLUMNS)])
        return None if account is None else cls(account, claim_columns, row[len(ACCOUNT_COLUMNS) :])


def account_of(row: Row) -> Account | None:
    """Return the account in ``ACCOUNT_COLUMNS``; ``None`` if there is none or it is disabled."""
    user_id, username, disabled_at, is_operator, locale = row
    if user_id is None or disabled_at is not None:
        return None
    return Account(str(user_id), username, is_operator=bool(is_operator), locale=locale)


def with_own_users(tables: FromClause) -> FromClause:
    """Join the users of the subjects in ``tables``, if there are any."""
    return outerjoin(tables, own_users, is_user_of(subject.user_id))


def is_user_of(user_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition for the row that a subject's ``user_id`` names.

    In subjects of an embedding application it may be any text, which PostgreSQL wouldn't cast.
    """
    return _user.id == own_id(user_id)


def own_id(user_id: ColumnElement[str]) -> ColumnElement[int]:
    """Return a subject's ``user_id`` as our own table's id, null if it is none."""
    digits = func.ltrim(user_id, literal_column("'0123456789'")) == literal_column("''")
    is_id = and_(digits, func.length(user_id).between(literal_column("1"), literal_column("18")))
    return case((is_id, cast(user_id, BigInteger)))


def may_log_in(changed: Column[Any]) -> ColumnElement[bool]:
    """Tell within a RETURNING whether a changed row's subject is one of our own users who may log in."""
    found = exists().select_from(subjects.join(own_users, is_user_of(subject.user_id)))
    return found.where(equals_changed(subject.subject, changed), _user.disabled_at.is_(None))
