"""The namespace of login names and of the preferred usernames that operators assign, each belonging to one account."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..email_addresses import email_key
from ..models.login_name import LoginName
from ..models.user import User
from .usernames import username_key


class LoginNameTakenError(ValueError):
    """A name or address is already another account's login name."""


@dataclass(frozen=True, slots=True)
class LoginOwner:
    """The account of a typed login name, with the names that it logs in by."""

    id: int
    #: ``None`` for an account of an earlier release that never logged in.
    subject: str | None
    username_key: str
    #: The key of the verified email address.
    email_key: str | None


def count_key(typed: str) -> str:
    """Return the key by which wrong passwords for a typed name are counted: what is one login name has one count."""
    return email_key(username_key(typed))


def count_keys(owner: LoginOwner) -> set[str]:
    """Return the keys of the counts of all names of an account."""
    return {count_key(name) for name in (owner.username_key, owner.email_key) if name}


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
    _leave_former_names(session, user)
    for login_key in sorted(login_keys(user)):
        _take(session, login_key, user.id)


def keep_assigned_name(session: Session, user: User) -> None:
    """Update the preferred username that an operator assigned to an account, as :func:`keep_login_names` does.

    Nobody logs in by it. But applications may know people by it, and the username of an account without one is told
    as its own: so it is nobody else's username either.
    """
    _leave_former_names(session, user)
    if login_key := assigned_key(user.preferred_username, user.preferred_username_assigned):
        _take(session, login_key, user.id)


def names_taken_by(user: User) -> set[str]:
    """Return the keys of an account's names that no other account may have."""
    return login_keys(user) | {assigned_key(user.preferred_username, user.preferred_username_assigned)} - {""}


def login_keys(user: User) -> set[str]:
    """Return the keys of the names that an account logs in by."""
    address = user.email_key if user.email_verified else None
    return {key for key in (user.username_key, address) if key}


def assigned_key(name: str | None, is_assigned: bool) -> str:
    """Return the key of a preferred username, or an empty text if no operator assigned it."""
    return username_key(name) if name and is_assigned else ""


def _leave_former_names(session: Session, user: User) -> None:
    former = LoginName.login_key.not_in(names_taken_by(user))
    session.execute(delete(LoginName).where(LoginName.user_id == user.id, former))


def _take(session: Session, login_key: str, user_id: int) -> None:
    row = session.get(LoginName, login_key, with_for_update=True)
    # Read after the row above, since both are committed together. Nodes of the previous release only write the users
    # table, so a row here may be outdated.
    others = select(User.id).where(User.id != user_id, _has(login_key)).limit(1)
    if session.scalar(others) is not None:
        raise LoginNameTakenError
    if row is not None:
        if row.user_id != user_id and _is_assigned(session, row):
            raise LoginNameTakenError
        row.user_id = user_id
        return
    try:
        with session.begin_nested():
            session.add(LoginName(login_key=login_key, user_id=user_id))
    except IntegrityError:  # another account took it at this moment
        raise LoginNameTakenError from None


def _is_assigned(session: Session, row: LoginName) -> bool:
    """Tell whether a name is the preferred username that its account has been assigned."""
    name = select(User.preferred_username, User.preferred_username_assigned).where(User.id == row.user_id)
    return any(assigned_key(*assigned) == row.login_key for assigned in session.execute(name))


def _has(login_key: str) -> ColumnElement[bool]:
    return or_(User.username_key == login_key, (User.email_key == login_key) & User.email_verified)
