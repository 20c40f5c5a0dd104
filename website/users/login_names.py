"""The namespace of login names: usernames and verified email addresses, each belonging to one account."""

from __future__ import annotations

from sqlalchemy import ColumnElement, case, delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..claims import email_key
from ..models.login_name import LoginName
from ..models.user import User
from .protocols import username_key


class LoginNameTakenError(ValueError):
    """A name or address is already another account's login name."""


def logs_in_by(typed: str) -> ColumnElement[bool]:
    """Return the condition for accounts with a typed username or verified email address."""
    name, address = username_key(typed), email_key(typed)
    # As it was typed, too: an address of an earlier release may be stored with the domain's other form.
    return _has(name) if address == name else or_(_has(name), (User.email_key == address) & User.email_verified)


def name_first(typed: str) -> ColumnElement[int]:
    """Return an order that puts usernames before addresses, as in old data both may exist."""
    return case((User.username_key == username_key(typed), 0), else_=1)


def keep_login_names(session: Session, user: User) -> None:
    """Update the login names of an account from its row: its username, and its email address once verified.

    Call it after the row is written, in the same transaction. Raises :class:`LoginNameTakenError`.
    """
    address = user.email_key if user.email_verified else None
    own_keys = {key for key in (user.username_key, address) if key}
    session.execute(delete(LoginName).where(LoginName.user_id == user.id, LoginName.login_key.not_in(own_keys)))
    for login_key in sorted(own_keys):
        _take(session, login_key, user.id)


def _take(session: Session, login_key: str, user_id: int) -> None:
    row = session.get(LoginName, login_key)
    # Read after the row above, since both are committed together. Nodes of the previous release only write the users
    # table, so a row here may be outdated.
    others = select(User.id).where(User.id != user_id, _has(login_key)).limit(1)
    if session.scalar(others) is not None:
        raise LoginNameTakenError
    if row is not None:
        row.user_id = user_id
        return
    try:
        with session.begin_nested():
            session.add(LoginName(login_key=login_key, user_id=user_id))
    except IntegrityError:  # another account took it at this moment
        raise LoginNameTakenError from None


def _has(login_key: str) -> ColumnElement[bool]:
    return or_(User.username_key == login_key, (User.email_key == login_key) & User.email_verified)
