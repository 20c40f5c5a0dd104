"""The access stores of one server."""

from __future__ import annotations

from collections.abc import Collection

from ..audit import Audit
from ..clients import Client
from ..database import Database
from .groups import Groups
from .imported_groups import ImportedGroups


class Access:
    """Who belongs where, of our own accounts. An embedding application keeps that for itself."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self.groups = Groups(database, audit)

    def visible_groups(self, client: Client) -> Collection[str] | None:
        """Return the ids of the groups that a client may learn that somebody is in; ``None`` means all."""
        return None if client.is_first_party else ()

    def imported_groups(self) -> ImportedGroups:
        """Return the groups as they are now, for the lines of an import."""
        return ImportedGroups(self.groups)
