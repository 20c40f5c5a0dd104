"""Creating, changing and deleting groups, and adding and removing members, each in one transaction with its events."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import ColumnElement, delete, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database
from ..database.cache_invalidation import CacheInvalidation
from ..identifiers import new_identifier
from ..models.group import Group, Membership
from ..models.role import GroupRole
from ..models.subject import Subject
from ..models.user import User
from ..translatable import N_
from ..users.account_managers import end_access_before_roles
from ..users.ending_invitations import end_password_links_of_makers
from ..users.factor_requirements import end_access_without_factor, lock_accounts
from .ending_access import end_access_of_members, lock_clients_of_group
from .group_names import GroupError, check_group_name, check_label, group_key

MAX_GROUPS, MAX_GROUPS_OF_ACCOUNT = 1000, 200
#: How many accounts one transaction adds or removes: databases limit the values of a statement.
MAX_AT_ONCE = 1000
GROUP_DELETED = N_("This group has been deleted.")


class GroupChanges:
    """Changes to the groups of one database. ``by`` is the subject of a person on a page, ``None`` for a command."""

    def __init__(self, database: Database, changes: CacheInvalidation, audit: Audit) -> None:
        self._database = database
        self._cache_invalidation = changes
        self._audit = audit

    def create(self, name: str, label: str = "", *, by: str | None = None) -> Group:
        """Create a group; without a label, it is called by its name. Raises :class:`GroupError`."""
        group = Group(id=new_identifier(), created_at=clock.now(), requires_factor=False)
        _put_name(group, name)
        group.label = check_label(label, group.name)
        try:
            with self._database.writing() as session:
                # Two groups created at the same moment may exceed it by one, which does no harm.
                if (session.scalar(select(func.count()).select_from(Group)) or 0) >= MAX_GROUPS:
                    raise GroupError(N_("This server has %(count)s groups, which is the limit.", count=MAX_GROUPS))
                session.add(group)
                session.flush()
                detail = {"group": group.name, "label": group.label}
                self._audit.add(session, "group_created", subject=by, detail=detail)
        except IntegrityError:
            raise _name_taken(name) from None
        return group

    def update(
        self,
        group_id: str,
        *,
        name: str | None = None,
        label: str | None = None,
        requires_factor: bool | None = None,
        by: str | None = None,
    ) -> Group:
        """Change what is given. A new name is what applications see from then on. Raises :class:`GroupError`."""
        try:
            with self._database.writing() as session:
                group = lock_group(session, group_id)
                former = {column: getattr(group, column) for column in ("name", "label", "requires_factor")}
                if name is not None:
                    _put_name(group, name)
                if label is not None:
                    group.label = check_label(label, group.name)
                if requires_factor is not None:
                    group.requires_factor = requires_factor
                    if requires_factor and not former["requires_factor"]:
                        _end_access_of_members(session, group)
                changed = {
                    column: getattr(group, column) for column in former if getattr(group, column) != former[column]
                }
                if changed:
                    session.flush()
                    detail = {"group": former["name"], **changed}
                    self._audit.add(session, "group_changed", subject=by, detail=detail)
        except IntegrityError:
            raise _name_taken(name or "") from None
        return group

    def delete(self, group_id: str, *, by: str | None = None) -> None:
        """Delete a group. For each member there is an event, too. Nothing happens if another request deleted it."""
        with self._database.writing() as session:
            group = session.get(Group, group_id, with_for_update=True)
            if group is None:
                return
            clients = lock_clients_of_group(session, group.id)
            members = self._remove(session, group, true(), by)
            session.delete(group)
            session.flush()  # with it go its places in the rules of clients
            detail = {"group": group.name, "members": len(members)}
            self._audit.add(session, "group_deleted", subject=by, detail=detail)
            end_access_of_members(session, self._audit, clients, members, by=by)
        self._cache_invalidation.forget_recorded(session)

    def add_members(self, group_id: str, user_ids: Collection[int], *, by: str | None = None) -> list[int]:
        """Add up to ``MAX_AT_ONCE`` accounts to a group; return the ids of those that exist and weren't in it.

        Raises :class:`GroupError` if one would be in too many groups: then none is added.
        """
        with self._database.writing() as session:
            return self.add_to(session, lock_group(session, group_id), user_ids, by=by)

    def add_to(self, session: Session, group: Group, user_ids: Collection[int], *, by: str | None = None) -> list[int]:
        """Do the same in the caller's transaction, for a group that it has locked."""
        roles = session.scalars(select(GroupRole.role).where(GroupRole.group_id == group.id)).all()
        if group.requires_factor or roles:  # before the accounts themselves, as in every change that ends access
            lock_accounts(session, select(User.id).where(User.id.in_(user_ids)))
        # Locked in one order, so that two changes of the same accounts wait for each other, and the limit is exact.
        existing = select(User.id).where(User.id.in_(user_ids)).order_by(User.id).with_for_update()
        wanted = [*session.scalars(existing)]
        _check_limit(session, group, wanted)
        now = clock.now()
        rows = [{"group_id": group.id, "user_id": user_id, "added_at": now} for user_id in wanted]
        if not rows:
            return []
        # PostgreSQL's insert, whose SQL also works on SQLite: what another request has just added is left out.
        new = insert(Membership).on_conflict_do_nothing().returning(Membership.user_id)
        added = sorted(session.scalars(new, rows))
        if added and roles:
            end_access_before_roles(session, select(User.id).where(User.id.in_(added)), roles)
        self._add_events(session, "group_member_added", group, added, by)
        if group.requires_factor:
            end_access_without_factor(session, select(User.id).where(User.id.in_(added)))
        return added

    def remove_members(self, group_id: str, user_ids: Collection[int], *, by: str | None = None) -> list[int]:
        """Remove up to ``MAX_AT_ONCE`` accounts from a group; return the ids of those that were in it.

        Raises :class:`GroupError`.
        """
        with self._database.writing() as session:
            group = lock_group(session, group_id)
            clients = lock_clients_of_group(session, group.id)
            removed = self._remove(session, group, Membership.user_id.in_(user_ids), by)
            end_access_of_members(session, self._audit, clients, removed, by=by)
        self._cache_invalidation.forget_recorded(session)
        return removed

    def _remove(self, session: Session, group: Group, which: ColumnElement[bool], by: str | None) -> list[int]:
        gone = delete(Membership).where(Membership.group_id == group.id, which)
        removed = sorted(session.scalars(gone.returning(Membership.user_id)))
        self._add_events(session, "group_member_removed", group, removed, by)
        if session.get(GroupRole, (group.id, "helpdesk")) is not None:
            for subjects in _subjects_of(session, removed):
                end_password_links_of_makers(session, subjects)
        return removed

    def _add_events(self, session: Session, event: str, group: Group, user_ids: Sequence[int], by: str | None) -> None:
        """Write an event for each account, about its subject."""
        for subjects in _subjects_of(session, user_ids):
            for subject in subjects:
                self._audit.add(session, event, actor=by, subject=subject, detail={"group": group.name})


def lock_group(session: Session, group_id: str) -> Group:
    """Return a group's row for a change. Raises :class:`GroupError` if it has just been deleted."""
    group = session.get(Group, group_id, with_for_update=True)
    if group is None:
        raise GroupError(GROUP_DELETED)
    return group


def hold_groups(session: Session, group_ids: Collection[str], *, for_more: bool = False) -> list[Group]:
    """Return the groups with these ids by name, locked so that none is deleted or gets a role.

    ``for_more`` says that they are to give more from now on: nobody is invited into them meanwhile.
    Raises :class:`GroupError` if one has just been deleted.
    """
    query = select(Group).where(Group.id.in_(group_ids)).order_by(Group.id)
    locked = query.with_for_update() if for_more else query.with_for_update(read=True, key_share=True)
    groups = [*session.scalars(locked)]
    if len(groups) < len(set(group_ids)):
        raise GroupError(GROUP_DELETED)
    return sorted(groups, key=lambda group: group.name_key)


def _end_access_of_members(session: Session, group: Group) -> None:
    """End what the members of a group that requires a second factor from now on were given without one."""
    session.flush()
    members = select(Membership.user_id).where(Membership.group_id == group.id)
    lock_accounts(session, members)
    end_access_without_factor(session, members)


def _subjects_of(session: Session, user_ids: Sequence[int]) -> Iterator[Sequence[str]]:
    """Yield the subjects of accounts, as many at a time as a statement takes."""
    for first in range(0, len(user_ids), MAX_AT_ONCE):
        texts = [str(user_id) for user_id in user_ids[first : first + MAX_AT_ONCE]]
        yield session.scalars(select(Subject.subject).where(Subject.user_id.in_(texts))).all()


def _put_name(group: Group, name: str) -> None:
    group.name = check_group_name(name)
    group.name_key = group_key(name)


def _name_taken(name: str) -> GroupError:
    return GroupError(N_("There already is a group named %(name)s.", name=name.strip()))


def _check_limit(session: Session, group: Group, user_ids: Collection[int]) -> None:
    """Check that accounts may be in one more group. Raises :class:`GroupError`."""
    full = (
        select(User.username)
        .join(Membership, Membership.user_id == User.id)
        .where(User.id.in_(user_ids), Membership.group_id != group.id)
        .group_by(User.id, User.username)
        .having(func.count() >= MAX_GROUPS_OF_ACCOUNT)
        .limit(1)
    )
    username = session.scalar(full)
    if username is not None:
        raise GroupError(
            N_(
                "%(username)s is in %(count)s groups, which is the limit.",
                username=username,
                count=MAX_GROUPS_OF_ACCOUNT,
            )
        )
