"""The clients of a database: finding them quickly, listing and counting them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import selectinload

from .. import clock
from ..audit import Audit
from ..database import Database, Row, Statement
from ..database.cache_invalidation import CLIENTS, CacheInvalidation
from ..keys import KeyEncryption
from ..models.client import OAuth2Client
from ..outbound import Outbound
from .client import Client
from .client_cache import ClientCache
from .client_changes import ClientChanges
from .client_keys import ClientKeys
from .client_reader import (
    READ_BY_CLIENT_ID,
    READ_BY_ID,
    READ_OF_OWNER,
    READ_SECRETS,
    client_of,
    read_clients,
    size_of_client,
)
from .client_row import from_row
from .document_fetching import ClientDocuments
from .initial_access_tokens import InitialAccessTokens
from .logos import ClientLogos
from .origins import ClientOrigins
from .owners import ClientOwners
from .subject_changes import ClientSubjects

MAX_CLIENT_ID_CHARACTERS = 2048


class Clients(ClientChanges):
    """The clients of one database, the recently used ones cached; ``client_changes.py`` has what changes them."""

    def __init__(
        self,
        database: Database,
        changes: CacheInvalidation,
        encryption: KeyEncryption,
        audit: Audit,
        outbound: Outbound,
        *,
        shows_logos: bool,
        has_external_users: bool,
    ) -> None:
        super().__init__(database, changes, encryption, audit)
        self.keys = ClientKeys(outbound, encryption)
        self.documents = ClientDocuments(database, changes, audit, outbound, self)
        self.logos = ClientLogos(database, changes, outbound, audit, is_on=shows_logos)
        self.origins = ClientOrigins(database, changes)
        self.owners = ClientOwners(database, changes, audit, has_external_users=has_external_users)
        self.subjects = ClientSubjects(database, changes, audit)
        self.initial_access_tokens = InitialAccessTokens(database, audit)
        self._cache = ClientCache()
        changes.on_change(CLIENTS, self._cache.forget)

    def find(self, client_id: str) -> Client | None:
        """Return the enabled client with a client_id. At most a second behind other nodes."""
        self._cache_invalidation.check()
        client = self._cache.find(client_id)
        if client is None:
            if len(client_id) > MAX_CLIENT_ID_CHARACTERS or "\0" in client_id:
                return None
            client = self._read(READ_BY_CLIENT_ID, client_id)
        return self._usable(client)

    def find_fresh(self, client_id: str) -> Client | None:
        """Return the enabled client, read from the database."""
        return self._usable(self._read(READ_BY_CLIENT_ID, client_id))

    def read_secrets(self, client_id: str) -> list[Row]:
        """Return the secrets that a client has in the database: hash and expiry of each."""
        return self._database.all(READ_SECRETS, key=client_id)

    def find_any(self, client_id: str) -> Client | None:
        """Return the client, disabled or not, read from the database."""
        return self._read(READ_BY_CLIENT_ID, client_id)

    def find_owned(self, row_id: str, owner_subject: str) -> Client | None:
        """Return a client of a user, disabled or not."""
        client = self._read(READ_BY_ID, row_id)
        return client if client is not None and client.owner_subject == owner_subject else None

    def find_row(self, row_id: str) -> Client | None:
        """Return the client with a row id, disabled or not, read from the database."""
        return self._read(READ_BY_ID, row_id)

    def find_by_id(self, row_id: str) -> Client | None:
        """Return the enabled client with a row id, as used in tokens."""
        self._cache_invalidation.check()
        return self._usable(self._cache.get(row_id) or self._read(READ_BY_ID, row_id))

    def _usable(self, client: Client | None) -> Client | None:
        """Return a client unless it is disabled, or has a metadata document that isn't accepted here."""
        is_usable = client is not None and client.is_enabled and self.documents.counts(client)
        return client if is_usable else None

    def _read(self, statement: Statement, key: str) -> Client | None:
        version = self._cache.version
        rows = self._database.all(statement, key=key)
        if not rows:
            return None  # and cache nothing: misses could fill the memory
        client = client_of(rows)
        self._cache.put(client.id, client, size_of_client(rows), version)
        return client

    def list_of_owner(self, owner_subject: str) -> list[Client]:
        """Return the clients of a user, latest first."""
        return read_clients(self._database, READ_OF_OWNER, owner_subject)

    def list_all(self, limit: int) -> list[Client]:
        """Return the clients by name."""
        with self._database.reading() as session:
            query = select(OAuth2Client).options(selectinload(OAuth2Client.secrets))
            rows = session.scalars(query.order_by(OAuth2Client.client_name, OAuth2Client.id).limit(limit)).all()
        return [from_row(row) for row in rows]

    def names_of(self, row_ids: Collection[str]) -> dict[str, str]:
        """Return the names of clients by the ids of their rows, disabled ones too."""
        query = select(OAuth2Client.id, OAuth2Client.client_name).where(OAuth2Client.id.in_(row_ids))
        with self._database.reading() as session:
            return dict(session.execute(query).all())

    def list_for_person(
        self, limit: int, can_be_opened: Callable[[Client], object], may_use: ColumnElement[bool]
    ) -> list[Client]:
        """Return the enabled clients that a person's home page lists, by name: those that they ``may_use``.

        By default those without an owner; never one that registered itself, that people can't log in to or that has
        no address. ``can_be_opened`` judges the address.
        """
        client, found = OAuth2Client, list[Client]()
        addresses = (client.client_metadata[name].as_string() for name in ("client_uri", "initiate_login_uri"))
        theirs = (
            or_(*(address != "" for address in addresses)),
            or_(client.is_listed.is_(True), and_(client.is_listed.is_(None), client.owner_subject.is_(None))),
            client.registration_token_hash.is_(None),
            client.is_self_registered.is_(False),
            client.disabled_at.is_(None),
            may_use,
        )
        query = select(client).where(*theirs).options(selectinload(client.secrets))
        query = query.order_by(client.client_name, client.id).limit(limit)
        with self._database.reading() as session:
            start = 0
            while True:
                page = [from_row(row) for row in session.scalars(query.offset(start))]
                found += (each for each in page if each.redirect_uris and each.is_enabled and can_be_opened(each))
                if len(page) < limit or len(found) >= limit:
                    return found[:limit]
                start += limit

    def count_self_registered(self, since: int = 0) -> int:
        """Return how many clients have registered themselves since a time and aren't due for pruning."""
        client = OAuth2Client
        is_kept = client.unused_until.is_(None) | (client.unused_until > clock.now())
        counted = select(func.count()).where(client.registration_token_hash.is_not(None), client.created_at > since)
        with self._database.reading() as session:
            return session.scalar(counted.where(is_kept)) or 0
