"""Groups of our own accounts: finding them, and who is in which."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, func, select

from ..database import Statement
from ..database.tables import table_of
from ..models.group import Group, Membership
from ..models.user import User
from .group_changes import GroupChanges
from .group_names import group_key

_group, _membership = table_of(Group).c, table_of(Membership).c
READ_NAMES_OF_USER = Statement(
    select(_group.id, _group.name)
    .join_from(table_of(Membership), table_of(Group), _membership.group_id == _group.id)
    .where(_membership.user_id == bindparam("user_id_"))
)


class Groups(GroupChanges):
    """The groups of one server. They are always read: no process keeps any in memory."""

    def find(self, name: str) -> Group | None:
        """Return the group with a name, in upper or lower case."""
        with self._database.reading() as session:
            return session.scalar(select(Group).where(Group.name_key == group_key(name)))

    def find_all(self, names: Collection[str]) -> dict[str, Group]:
        """Return the groups with these names, each by its :func:`group_key`."""
        keys = {group_key(name) for name in names}
        with self._database.reading() as session:
            return {row.name_key: row for row in session.scalars(select(Group).where(Group.name_key.in_(keys)))}

    def names_of_ids(self, group_ids: Collection[str]) -> dict[str, str]:
        """Return the names of groups by id; groups that are gone aren't among them."""
        with self._database.reading() as session:
            rows = session.execute(select(Group.id, Group.name).where(Group.id.in_(group_ids)))
            return {row.id: row.name for row in rows}

    def list_rows(self, part: str = "", after: str = "", limit: int = 1000) -> list[Group]:
        """Return groups by name, optionally those whose name or label contains ``part``.

        ``after`` is the ``name_key`` of the last one on the page before.
        """
        query = select(Group).where(Group.name_key > after).order_by(Group.name_key).limit(limit)
        if part:
            has_part = Group.name_key.contains(group_key(part), autoescape=True)
            query = query.where(has_part | func.lower(Group.label).contains(part.lower(), autoescape=True))
        with self._database.reading() as session:
            return [*session.scalars(query)]

    def list_members(self, group_id: str, after: str = "", limit: int = 1000) -> list[tuple[User, int]]:
        """Return members of a group by name, each with the time when it was added.

        ``after`` is the ``username_key`` of the last one on the page before.
        """
        query = (
            select(User, Membership.added_at)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.group_id == group_id, User.username_key > after)
            .order_by(User.username_key)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [(user, added_at) for user, added_at in session.execute(query)]

    def groups_of(self, user_id: int) -> list[Group]:
        """Return the groups of an account by name."""
        query = select(Group).join(Membership, Membership.group_id == Group.id).where(Membership.user_id == user_id)
        with self._database.reading() as session:
            return [*session.scalars(query.order_by(Group.name_key))]

    def names_of(self, user_id: str, visible: Collection[str] | None = None) -> list[str]:
        """Return the names of an account's groups, sorted; if given, only of those whose ids are ``visible``."""
        if visible is not None and not visible:
            return []
        rows = self._database.all(READ_NAMES_OF_USER, user_id_=int(user_id))
        return sorted(name for group_id, name in rows if visible is None or group_id in visible)

    def count_members(self) -> dict[str, int]:
        """Return how many members each group has, by its id; groups without any aren't among them.

        It reads every membership, so it is for commands.
        """
        query = select(Membership.group_id, func.count()).group_by(Membership.group_id)
        with self._database.reading() as session:
            return dict(session.execute(query).all())
