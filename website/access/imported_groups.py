"""The groups that the lines of an import name: checked first, and given their new members with the accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy.orm import Session

from .group_changes import MAX_GROUPS_OF_ACCOUNT, lock_group
from .group_names import GroupError, check_group_name, group_key
from .groups import Groups


class ImportedGroups:
    """The groups of a server at the beginning of an import."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._by_key = {group.name_key: group for group in groups.list_rows()}

    def unknown_of(self, names: Collection[str]) -> list[str]:
        """Return those of the names that no group has."""
        return [name for name in names if group_key(name) not in self._by_key]

    def find_problem(self, names: Collection[str]) -> str | None:
        """Say what else is wrong with the names of one line: a new group's, or how many they are."""
        for name in self.unknown_of(names):
            try:
                check_group_name(name)
            except GroupError as error:
                return str(error)
        if len(names) > MAX_GROUPS_OF_ACCOUNT:
            return f"Name at most {MAX_GROUPS_OF_ACCOUNT}."
        return None

    def missing_of(self, user_id: int, names: Collection[str]) -> list[str]:
        """Return those of the groups that an account isn't in."""
        own_keys = {group.name_key for group in self._groups.groups_of(user_id)}
        return [name for name in names if group_key(name) not in own_keys]

    def add(self, session: Session, user_ids: Mapping[str, Collection[int]]) -> None:
        """Add accounts to groups, given by their names, in the caller's transaction. Raises ``GroupError``."""
        for key in sorted({group_key(name) for name in user_ids}):  # in one order, so that two imports can't lock up
            members = [user_id for name, ids in user_ids.items() if group_key(name) == key for user_id in ids]
            self._groups.add_to(session, lock_group(session, self._by_key[key].id), members)
