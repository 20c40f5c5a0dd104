"""The registered origins: those of clients' redirect URIs, whose scripts may call endpoints open to them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, literal_column, select

from ..bounded_cache import BoundedCache
from ..database import Database, DatabaseUnavailableError, SchemaMissingError, Statement
from ..database.cache_invalidation import CLIENTS, CacheInvalidation
from ..database.tables import table_of
from ..models.client import OAuth2ClientOrigin

_origin = table_of(OAuth2ClientOrigin).c
#: One row is enough, as many clients may share an origin.
READ_ORIGIN = Statement(select(_origin.client).where(_origin.origin == bindparam("origin_")).limit(literal_column("1")))
MAX_ORIGIN_CHARACTERS = 2048
#: The maximum memory for cached origins in a process, and the memory of each besides its characters.
MAX_CACHED_BYTES, BYTES_OF_AN_ORIGIN = 4 * 1024 * 1024, 384


class ClientOrigins:
    """The registered origins of one database, with a cache."""

    def __init__(self, database: Database, changes: CacheInvalidation) -> None:
        self._database = database
        self._cache_invalidation = changes
        #: Registered origins, each with a client that has it.
        self._found: BoundedCache[str, str] = BoundedCache(MAX_CACHED_BYTES)
        changes.on_change(CLIENTS, self._forget)

    def _forget(self, clients: Collection[str] | None) -> None:
        self._found.forget_values(lambda client: clients is None or client in clients)

    def is_registered(self, origin: str, *, may_look: bool) -> bool:
        """Tell whether a client registered an origin. Without ``may_look`` the database isn't queried."""
        if len(origin) > MAX_ORIGIN_CHARACTERS or not origin.isascii() or not origin.isprintable():
            return False
        try:
            if may_look:
                self._cache_invalidation.check()
            if self._found.get(origin) is not None:
                return True
            version = self._found.version
            row = self._database.one(READ_ORIGIN, origin_=origin) if may_look else None
        except (DatabaseUnavailableError, SchemaMissingError):
            return False  # the response itself reports the problem
        if row is not None:  # don't cache misses, which could fill the memory
            self._found.put(origin, row[0], BYTES_OF_AN_ORIGIN + len(origin), version)
        return row is not None
