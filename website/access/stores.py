"""The access stores of one server."""

from __future__ import annotations

from collections.abc import Collection

from ..audit import Audit
from ..clients import Client
from ..database import Database
from ..database.cache_invalidation import CacheInvalidation
from ..users import Accounts
from .claim_maps import ClaimMaps
from .groups import Groups
from .imported_groups import ImportedGroups
from .roles import Roles
from .rules import Rules


class Access:
    """Who belongs where and may use what, of our own accounts. An embedding application keeps that for itself."""

    def __init__(self, database: Database, changes: CacheInvalidation, audit: Audit, accounts: Accounts) -> None:
        self.groups = Groups(database, changes, audit)
        self.roles = Roles(database, audit, accounts)
        self.rules = Rules(database, changes, audit, has_external_users=accounts.are_external)
        self.claim_maps = ClaimMaps(database, changes, audit, has_external_users=accounts.are_external)

    def visible_groups(self, client: Client) -> Collection[str] | None:
        """Return the ids of the groups that a client may learn that somebody is in; ``None`` means all."""
        return None if client.is_first_party else self.rules.group_ids_of(client) | self.claim_maps.group_ids_of(client)

    def imported_groups(self) -> ImportedGroups:
        """Return the groups as they are now, for the lines of an import."""
        return ImportedGroups(self.groups)
