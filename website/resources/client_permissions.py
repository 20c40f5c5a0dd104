"""What a client may ask of an API: for itself, with a person's consent, and by introspection."""

from __future__ import annotations

from collections.abc import Collection

from ..audit import Audit
from ..bounded_cache import BoundedCache
from ..clients import Client
from ..database import Database
from ..database.cache_invalidation import RESOURCES, CacheInvalidation
from ..scopes import USER_SCOPES
from .resource import Resource
from .resource_changes import ResourceChanges
from .resource_checks import ServerFacts
from .stored_resources import Permissions, read_permissions

#: The maximum memory for cached permissions in a process, and the memory of each client's.
MAX_CACHED_BYTES, BYTES_OF_PERMISSIONS, BYTES_OF_A_PERMISSION = 8 * 1024 * 1024, 600, 400


class ClientPermissions(ResourceChanges):
    """The permissions of clients, cached until an API or permission changes: at most a second behind other nodes."""

    def __init__(self, database: Database, changes: CacheInvalidation, audit: Audit, facts: ServerFacts) -> None:
        super().__init__(database, changes, audit, facts)
        #: By client and owner.
        self._permissions: BoundedCache[tuple[str, str | None], Permissions] = BoundedCache(MAX_CACHED_BYTES)
        changes.on_change(RESOURCES, lambda _changed: self._permissions.forget(None))

    def allowed_scope(self, client: Client, resource: Resource) -> tuple[str, ...] | None:
        """Return the scopes of an API that an operator lets a client request for itself, with client_credentials.

        ``None`` means that it gets no token for the API at all. An API that nobody registered has the server's scopes.
        """
        if resource.id is None:
            return tuple(value for value in client.scope if value in resource.scopes and value not in USER_SCOPES)
        return self._permissions_of(client).scopes.get(resource.id)

    def consentable_scope(self, client: Client, resource: Resource) -> Collection[str] | None:
        """Return the scopes of an API that people can allow a client.

        All of them; to a client that registered itself, or whose owner isn't an operator, only the open ones, and those
        that an operator allows it. ``None`` means that it gets no token for the API at all.
        """
        if self.is_by_operator(client):
            return resource.scopes
        allowed_values = self.allowed_scope(client, resource)
        is_closed = allowed_values is None and not resource.is_open
        return None if is_closed else {*resource.open_scopes, *(allowed_values or ())}

    def is_by_operator(self, client: Client) -> bool:
        """Tell whether an operator made a client, by page or command: people can allow it every scope of every API.

        In the demo everybody is an operator. The users of an embedding application aren't, whatever they may do there.
        """
        if client.is_self_registered:
            return False
        if client.owner_subject is None or self.facts.settings.demo:
            return True
        return self._permissions_of(client).is_operators

    def introspected_by(self, client: Client) -> frozenset[str]:
        """Return the identifiers of the APIs whose tokens a client may introspect."""
        return self._permissions_of(client).introspected

    def _permissions_of(self, client: Client) -> Permissions:
        self._cache_invalidation.check()
        key = client.id, client.owner_subject
        permissions = self._permissions.get(key)
        if permissions is None:
            version = self._permissions.version
            is_operators = client.owner_subject is not None and self.facts.is_operator(client.owner_subject)
            permissions = read_permissions(self._database, client.id, is_operators=is_operators)
            count = len(permissions.scopes) + len(permissions.introspected)
            size = BYTES_OF_PERMISSIONS + count * BYTES_OF_A_PERMISSION
            self._permissions.put(key, permissions, size, version)
        return permissions
