"""The APIs of a database: finding them without reading it, and listing what clients may do there."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from .. import scopes
from ..audit import Audit
from ..database import Database
from ..database.cache_invalidation import RESOURCES, CacheInvalidation
from ..models.client import OAuth2Client
from ..models.resource import OAuth2Resource, OAuth2ResourceClient
from .client_permissions import ClientPermissions
from .resource import InvalidResourceError, Resource, ResourceScope, from_row
from .resource_checks import AT_JWT, ServerFacts, check_resource
from .resource_identifiers import is_loopback, is_same_place, matching_key
from .stored_resources import Catalogue, read_catalogue


class Resources(ClientPermissions):
    """The APIs of one database, cached until they change: at most a second behind other nodes."""

    def __init__(self, database: Database, changes: CacheInvalidation, audit: Audit, facts: ServerFacts) -> None:
        super().__init__(database, changes, audit, facts)
        self._catalogue: Catalogue | None = None
        #: How often the catalogue was forgotten.
        self._version = 0
        self._lock = threading.Lock()
        changes.on_change(RESOURCES, self._forget)

    def _forget(self, _changed: Collection[str] | None = None) -> None:
        with self._lock:
            self._catalogue = None
            self._version += 1

    @property
    def _current(self) -> Catalogue:
        self._cache_invalidation.check()
        catalogue = self._catalogue
        if catalogue is None:
            version, catalogue = self._version, read_catalogue(self._database, self.facts.settings.issuer)
            with self._lock:
                if version == self._version:
                    self._catalogue = catalogue  # else it was read before a change
        return catalogue

    def find(self, identifier: str) -> Resource | None:
        """Return the API that an identifier in a request matches (:rfc:`8707#section-2`).

        In the demo, every URL on this computer that nobody registered is an API too, except this server's own.
        """
        catalogue = self._current
        resource = catalogue.by_identifier.get(identifier)
        if resource is None:
            key = matching_key(identifier)
            resource = None if key is None else catalogue.by_key.get(key)
        if resource is None and self.facts.takes_unregistered and is_loopback(identifier):
            resource = self._unregistered(identifier)
        return resource

    def is_audience(self, url: str) -> bool:
        """Tell whether a URL matches a registered API or this server, and so can't be a client_id."""
        resource = self.find(url)
        return (resource is not None and resource.id is not None) or is_same_place(url, self.facts.find_issuer())

    def _unregistered(self, identifier: str) -> Resource | None:
        if is_same_place(identifier, self.facts.find_issuer()):
            return None
        server_scopes = self.facts.find_scopes().items()
        return Resource(
            id=None,
            identifier=identifier,
            name=identifier,
            scopes={name: ResourceScope(name, description, is_open=True) for name, description in server_scopes},
            access_token_format=self.facts.usual_format,
            access_token_alg=self.facts.usual_algorithm,
            access_token_typ=AT_JWT,
            access_token_seconds=None,
            is_open=True,
            created_at=0,
        )

    def with_scope(self, word: str) -> list[Resource]:
        """Return the registered APIs that have a scope, so that an error can name them."""
        return [*self._current.by_scope.get(word, ())]

    @property
    def open_scopes(self) -> frozenset[str]:
        """The scopes that unverified clients may ask people for, at any of the registered APIs."""
        return frozenset(name for resource in self._current.by_id.values() for name in resource.open_scopes)

    def with_key(self, key: str) -> Resource | None:
        """Return the API that a code, grant or consent is for, unless it has been deleted, or registered since."""
        resource = self._current.by_id.get(key)
        if resource is None and self.facts.takes_unregistered:
            resource = self.find(key)
        return resource if resource is not None and resource.key == key else None

    def list_all(self) -> list[Resource]:
        """Return the registered APIs by name."""
        return [*self._current.by_id.values()]

    def find_row(self, row_id: str) -> Resource | None:
        """Return the API with a row id."""
        return self._current.by_id.get(row_id)

    def find_problems(self) -> Iterator[tuple[str, str]]:
        """Yield the identifier of each stored API that no longer fits the server's settings, with the problem."""
        with self._database.reading() as session:
            query = select(OAuth2Resource).options(selectinload(OAuth2Resource.scopes))
            resources = [*map(from_row, session.scalars(query.order_by(OAuth2Resource.identifier)))]
        for resource in resources:
            try:
                check_resource(resource, self.facts)
            except InvalidResourceError as error:
                for problem in error.problems.values():
                    yield resource.identifier, problem

    def list_clients(
        self, resource: Resource, limit: int = 1000
    ) -> list[tuple[str, str, tuple[str, ...] | None, bool]]:
        """Return the clients with permissions at an API: client_id, name, scopes, and whether they may introspect."""
        permission = OAuth2ResourceClient
        query = (
            select(OAuth2Client.client_id, OAuth2Client.client_name, permission.scope, permission.may_introspect)
            .join(permission, permission.client == OAuth2Client.id)
            .where(permission.resource == resource.id)
            .order_by(OAuth2Client.client_name, OAuth2Client.client_id)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [
                (client_id, name, None if scope is None else scopes.split(scope), may_introspect)
                for client_id, name, scope, may_introspect in session.execute(query)
            ]
