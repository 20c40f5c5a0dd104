"""Accounts that manage other people's: operators and the helpdesk. What they had for less than it takes ends."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from ..database import Database
from ..database.ending_all_access import end_all_access
from ..database.ending_weak_access import end_weak_access, find_weak_access
from ..database.tables import table_of
from ..models.group import Membership
from ..models.role import GroupRole, UserRole
from ..models.user import User
from .ending_links import end_links
from .ending_logins import end_logins
from .factor_requirements import lock_accounts, subjects_of

#: The roles that reach other people's accounts.
MANAGING_ROLES = ("operator", "helpdesk")

_user, _role = table_of(User).c, table_of(UserRole).c
_membership, _group_role = table_of(Membership).c, table_of(GroupRole).c
#: Whether a user has one of these roles, by themselves or by a group. Groups appoint no operators.
manages_accounts = or_(
    _user.is_operator.is_(True),
    exists().where(_role.user_id == _user.id, _role.role == "helpdesk"),
    exists().where(
        _membership.user_id == _user.id, _group_role.group_id == _membership.group_id, _group_role.role == "helpdesk"
    ),
)


def end_access_before_roles(session: Session, user_ids: Select[int], roles: Collection[str]) -> None:
    """End what accounts had before they get roles, in a transaction that has locked the accounts.

    Who may make a link for somebody without a role may have logged in as them, and must not stay logged in as somebody
    with one: login sessions and links end. Where the role manages accounts, so does what apps and devices got, perhaps
    for a password alone, perhaps from somebody else. Passwords and second factors stay.
    """
    if any(role in MANAGING_ROLES for role in roles):
        end_all_access(session, subjects_of(user_ids))
        end_links(session, user_ids)
    else:
        end_logins(session, user_ids)


def end_access_of_managers_without_factor(database: Database) -> int:
    """End what accounts that manage others have below two factors; return the number of accounts.

    For a setting that requires two of them: nothing notices at which moment it is turned on. Writes nothing if there is
    nothing to end.
    """
    managers = select(User.id).where(manages_accounts)
    with database.reading() as session:
        if not find_weak_access(session, subjects_of(managers)):
            return 0
    with database.writing() as session:
        lock_accounts(session, managers)
        ended = find_weak_access(session, subjects_of(managers))
        end_weak_access(session, subjects_of(managers))
    return len(ended)
