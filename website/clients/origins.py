"""The registered origins: those of clients' redirect URIs, whose scripts may call endpoints open to them."""

from __future__ import annotations

from sqlalchemy import bindparam, literal_column, select

from ..database import Database, DatabaseUnavailableError, SchemaMissingError, Statement
from ..database.cache_invalidation import CacheInvalidation
from ..database.tables import table_of
from ..models.client import OAuth2ClientOrigin

_origin = table_of(OAuth2ClientOrigin).c
#: One row is enough, as many clients may share an origin.
READ_ORIGIN = Statement(select(_origin.origin).where(_origin.origin == bindparam("origin_")).limit(literal_column("1")))
MAX_ORIGIN_CHARACTERS = 2048
MAX_CACHED_ORIGINS = 10_000


class ClientOrigins:
    """The registered origins of one database, with a cache."""

    def __init__(self, database: Database, changes: CacheInvalidation) -> None:
        self._database = database
        self._cache_invalidation = changes
        self._found: set[str] = set()
        changes.on_change(self._forget)

    def _forget(self) -> None:
        # Replace the set instead of clearing it, so that a slow reader can't add an outdated result to it.
        self._found = set()

    def is_registered(self, origin: str, *, may_look: bool) -> bool:
        """Tell whether a client registered an origin. Without ``may_look`` the database isn't queried."""
        if len(origin) > MAX_ORIGIN_CHARACTERS or not origin.isascii() or not origin.isprintable():
            return False
        try:
            if may_look:
                self._cache_invalidation.check()
            found = self._found
            if origin in found:
                return True
            if not may_look or self._database.one(READ_ORIGIN, origin_=origin) is None:
                return False  # don't cache misses, which could fill the memory
        except (DatabaseUnavailableError, SchemaMissingError):
            return False  # the response itself reports the problem
        if len(found) >= MAX_CACHED_ORIGINS:
            found.clear()
        found.add(origin)
        return True
