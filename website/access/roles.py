"""Roles of this server: who has which, what each allows, and giving and taking them, with their events."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import String, bindparam, cast, delete, select, union
from sqlalchemy.orm import Session

from ..audit import Audit
from ..database import Database, Statement
from ..database.ending_all_access import subject_of_user
from ..database.portions import in_portions
from ..database.tables import table_of
from ..models.group import Group, Membership
from ..models.role import GroupRole, UserRole
from ..models.subject import Subject
from ..models.user import User
from ..translatable import N_
from ..users import Accounts
from ..users.account_managers import end_access_before_roles
from ..users.ending_invitations import end_invitations_into, end_password_links_of_makers
from ..users.factor_requirements import lock_accounts, subjects_of
from ..users.password_links import LINK_SECONDS
from .given_by_groups import gives_anything
from .group_changes import lock_group

OPERATOR, AUDITOR, HELPDESK, DEVELOPER = "operator", "auditor", "helpdesk", "developer"
#: Each role with what it allows.
ROLES = {
    OPERATOR: N_("Manages people, groups, clients and APIs, and reads events"),
    AUDITOR: N_("Reads people, groups and events, and changes nothing"),
    HELPDESK: N_("Sees people, and resets passwords and second factors of people without a role"),
    DEVELOPER: N_("Creates clients of their own"),
}
#: What a group can give to everybody in it. Operators are appointed individually, so that filling a group, which other
#: programs may do some day, appoints none.
ROLES_OF_GROUPS = (AUDITOR, HELPDESK, DEVELOPER)

_user_role, _group_role, _membership = (table_of(model) for model in (UserRole, GroupRole, Membership))
READ_ROLES = Statement(
    union(
        select(_user_role.c.role).where(_user_role.c.user_id == bindparam("user_id_")),
        select(_group_role.c.role)
        .join_from(_membership, _group_role, _group_role.c.group_id == _membership.c.group_id)
        .where(_membership.c.user_id == bindparam("user_id_")),
    )
)


class RoleError(ValueError):
    """A role can't be given, or lets nobody do this; the message says why."""


class Roles:
    """The roles of one server's accounts. ``by`` is the subject of a person on a page, ``None`` for a command."""

    def __init__(self, database: Database, audit: Audit, accounts: Accounts) -> None:
        self._database = database
        self._audit = audit
        self._accounts = accounts

    def of(self, user_id: int, *, is_operator: bool) -> frozenset[str]:
        """Return the roles of an account, by itself or by its groups. Runs one statement."""
        roles = {role for (role,) in self._database.all(READ_ROLES, user_id_=user_id)}
        return frozenset(roles | ({OPERATOR} if is_operator else set()))

    def own_of(self, user: User) -> list[str]:
        """Return the roles of an account that it doesn't have by a group."""
        return self.own_of_each([user])[user.id]

    def own_of_each(self, users: Sequence[User]) -> dict[int, list[str]]:
        """Return the same for several accounts, by the ids of their rows."""
        held, own = select(UserRole.user_id, UserRole.role), set[tuple[int, str]]()
        with self._database.reading() as session:
            for portion in in_portions([user.id for user in users]):
                rows = session.execute(held.where(UserRole.user_id.in_(portion)))
                own.update((user_id, role) for user_id, role in rows)
        own |= {(user.id, OPERATOR) for user in users if user.is_operator}
        return {user.id: [role for role in ROLES if (user.id, role) in own] for user in users}

    def of_group(self, group_id: str) -> list[str]:
        """Return the roles of everybody in a group."""
        with self._database.reading() as session:
            return sorted(session.scalars(select(GroupRole.role).where(GroupRole.group_id == group_id)))

    def is_sensitive(self, group: Group) -> bool:
        """Tell whether being in a group gives anything: adding or removing somebody needs a login of this moment."""
        with self._database.reading() as session:
            return gives_anything(session, [group.id])

    def list_holders(self) -> list[tuple[str, str, bool]]:
        """Return each role with the name of an account or group that has it, and whether it's a group's."""
        with self._database.reading() as session:
            operators = session.scalars(select(User.username).where(User.is_operator)).all()
            of_users = session.execute(select(UserRole.role, User.username).join(User, User.id == UserRole.user_id))
            of_groups = session.execute(select(GroupRole.role, Group.name).join(Group, Group.id == GroupRole.group_id))
            holders = [*((OPERATOR, name, False) for name in operators), *((*row, False) for row in of_users)]
            holders += [(*row, True) for row in of_groups]
        return sorted(holders, key=lambda holder: ([*ROLES].index(holder[0]), holder[2], holder[1].casefold()))

    def grant(self, user_id: int, role: str, *, by: str | None = None) -> bool:
        """Give an account a role. Return whether that changed anything.

        What it had before ends: see :func:`~website.users.account_managers.end_access_before_roles`.
        """
        if role == OPERATOR:
            return self._accounts.own_users.set_operator(user_id, True, by=by)
        with self._database.writing() as session:
            account = select(User.id).where(User.id == user_id)
            lock_accounts(session, account)
            session.get_one(User, user_id, with_for_update=True)
            if session.get(UserRole, (user_id, role)) is not None:
                return False
            session.add(UserRole(user_id=user_id, role=role))
            end_access_before_roles(session, account, [role])
            self._add_event(session, "role_granted", user_id, role, by)
        return True

    def revoke(self, user_id: int, role: str, *, by: str | None = None, may_be_last: bool = False) -> bool:
        """Take a role from an account. Return whether that changed anything.

        Raises ``LastOperatorError`` for the last operator, unless ``may_be_last``.
        """
        if role == OPERATOR:
            return self._accounts.own_users.set_operator(user_id, False, by=by, may_be_last=may_be_last)
        with self._database.writing() as session:
            gone = delete(UserRole).where(UserRole.user_id == user_id, UserRole.role == role).returning(UserRole.role)
            if session.scalar(gone) is None:
                return False
            if role == HELPDESK:
                end_password_links_of_makers(session, subjects_of(select(User.id).where(User.id == user_id)))
            self._add_event(session, "role_revoked", user_id, role, by)
        return True

    def grant_to_group(self, group_id: str, role: str, *, by: str | None = None) -> bool:
        """Give a role to everybody in a group, now and later. Return whether that changed anything.

        Invitations into the group end: they were created for less.
        Raises :class:`RoleError` for a role that groups can't have, and ``GroupError`` if the group was deleted.
        """
        if role not in ROLES_OF_GROUPS:
            raise RoleError(N_("Groups can't have the role %(role)s. Give it to accounts.", role=role))
        with self._database.writing() as session:
            group = lock_group(session, group_id)
            if session.get(GroupRole, (group_id, role)) is not None:
                return False
            members = select(Membership.user_id).where(Membership.group_id == group_id)
            lock_accounts(session, members)
            session.execute(select(User.id).where(User.id.in_(members)).order_by(User.id).with_for_update()).all()
            session.add(GroupRole(group_id=group_id, role=role))
            end_access_before_roles(session, members, [role])
            end_invitations_into(session, self._audit, group_id, by)
            self._audit.add(session, "role_granted", subject=by, detail={"role": role, "group": group.name})
        return True

    def revoke_from_group(self, group_id: str, role: str, *, by: str | None = None) -> bool:
        """Take a role from a group. Return whether that changed anything. Raises ``GroupError``."""
        with self._database.writing() as session:
            group = lock_group(session, group_id)
            row = session.get(GroupRole, (group_id, role))
            if row is None:
                return False
            session.delete(row)
            session.flush()
            if role == HELPDESK:
                end_password_links_of_makers(
                    session, subjects_of(select(Membership.user_id).where(Membership.group_id == group_id))
                )
            self._audit.add(session, "role_revoked", subject=by, detail={"role": role, "group": group.name})
        return True

    def create_link(self, user_id: int, roles: frozenset[str], *, by: str, seconds: int = LINK_SECONDS) -> str:
        """Return the token of a one-time link for an account, made by a person with these roles.

        Raises :class:`RoleError` if they may not: an operator may for everybody, the helpdesk for people without a
        role. Both accounts are locked meanwhile: it gets no role at the same moment, and who loses theirs at the same
        moment either makes no link, or that ends it.
        """
        with self._database.writing() as session:
            if not self._may_reset(session, user_id, self._still_held(session, roles, by, user_id)):
                raise RoleError(N_("Only an operator can reset the password of somebody with a role."))
            return self._accounts.password_links.add(session, user_id, seconds, by=by)

    def reset_factors(self, user_id: int, roles: frozenset[str], *, by: str) -> None:
        """Remove the second factors of an account, as a person with these roles. Raises :class:`RoleError` as above."""
        with self._database.writing() as session:
            lock_accounts(session, select(User.id).where(User.id == user_id))
            if not self._may_reset(session, user_id, self._still_held(session, roles, by, user_id)):
                raise RoleError(N_("Only an operator can reset the second factors of somebody with a role."))
            self._accounts.second_factors.reset_in(session, user_id, by)

    def _still_held(self, session: Session, roles: frozenset[str], by: str, user_id: int) -> frozenset[str]:
        """Return those of a person's roles that they still have when they act on an account; locks both accounts."""
        held = _hold_roles(session, by, user_id)
        return roles if self._accounts.are_of_demo else roles & held  # there everybody is an operator, by no row

    def _may_reset(self, session: Session, user_id: int, roles: frozenset[str]) -> bool:
        """Lock an account, and tell whether somebody with these roles may reset how its person logs in."""
        user = session.get_one(User, user_id, with_for_update=True)
        of_user = {*session.scalars(select(UserRole.role).where(UserRole.user_id == user_id))}
        of_groups = select(GroupRole.role).join(Membership, Membership.group_id == GroupRole.group_id)
        of_user |= {*session.scalars(of_groups.where(Membership.user_id == user_id))}
        return may_reset(roles, of_user | ({OPERATOR} if user.is_operator else set()))

    def _add_event(self, session: Session, event: str, user_id: int, role: str, by: str | None) -> None:
        subject = subject_of_user(session, str(user_id))
        self._audit.add(session, event, actor=by, subject=subject, detail={"role": role})


def _hold_roles(session: Session, subject: str, user_id: int) -> set[str]:
    """Return the roles of a person who acts on an account, held until the transaction ends. Locks both accounts."""
    is_own = Subject.user_id == cast(User.id, String)
    maker_id = session.scalar(select(User.id).join(Subject, is_own).where(Subject.subject == subject))
    both = select(User).where(User.id.in_([maker_id, user_id])).order_by(User.id).with_for_update()
    maker = next((user for user in session.scalars(both).all() if user.id == maker_id), None)
    if maker is None or maker.disabled_at is not None:
        return set()
    of_user = select(UserRole.role).where(UserRole.user_id == maker.id)
    of_groups = select(GroupRole.role).join(Membership, Membership.group_id == GroupRole.group_id)
    of_groups = of_groups.where(Membership.user_id == maker.id)
    held = {role for query in (of_user, of_groups) for role in session.scalars(query.with_for_update(read=True))}
    return held | ({OPERATOR} if maker.is_operator else set())


def may_reset(roles: frozenset[str], of_person: set[str] | frozenset[str]) -> bool:
    """Tell whether somebody with these roles may reset how a person with those logs in."""
    return OPERATOR in roles or (HELPDESK in roles and not of_person)
