"""Owns clients: finding them quickly, creating, changing and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import joinedload, selectinload

from .. import clock
from ..bounded_cache import BoundedCache, size_of
from ..database import Database, StaleLoginError
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..database.cascades import end_everything_of_client
from ..identifiers import CLIENT_SECRET_PREFIX, new_identifier, new_secret
from ..keys import KeyEncryption
from ..models.client import OAuth2Client
from ..models.consent import Consent
from ..models.login_session import LoginSession
from ..models.subject import Subject
from .client import Client, needs_secret
from .client_jwks import keep_known_members
from .rows import fix_subjects, from_row, put_columns, put_metadata, put_origins
from .secrets import ClientSecrets

#: What the clients in use may take in the memory of a process; and what each takes beside its metadata and secrets.
MAX_CACHED_BYTES, BYTES_OF_A_CLIENT = 32 * 1024 * 1024, 2048
MAX_CLIENT_ID_CHARACTERS = 2048


class TooManyClientsError(Exception):
    """An account has as many clients as it may."""


class Clients(ClientSecrets):
    """The clients of one database; those in use are kept in memory until one changes."""

    def __init__(self, database: Database, changes: CacheInvalidation, encryption: KeyEncryption) -> None:
        super().__init__(database, changes, encryption)
        self._forget()
        changes.on_change(self._forget)

    def _forget(self) -> None:
        # New caches, not emptied ones: a reader that was slower than a change keeps its find to itself.
        self._by_client_id: BoundedCache[str, Client] = BoundedCache(MAX_CACHED_BYTES)
        self._by_id: BoundedCache[str, Client] = BoundedCache(MAX_CACHED_BYTES)

    def find(self, client_id: str) -> Client | None:
        """Return the client of that client_id, unless it is disabled. At most a second behind other nodes."""
        self._cache_invalidation.check()
        client = self._by_client_id.get(client_id)
        if client is None:
            if len(client_id) > MAX_CLIENT_ID_CHARACTERS or "\0" in client_id:
                return None
            client = self._read(OAuth2Client.client_id == client_id)
        return client if client is not None and client.is_enabled else None

    def find_fresh(self, client_id: str) -> Client | None:
        """Return the client as it is in the database now, unless it is disabled."""
        client = self._read(OAuth2Client.client_id == client_id)
        return client if client is not None and client.is_enabled else None

    def find_any(self, client_id: str) -> Client | None:
        """Return the client as it is in the database now, disabled or not."""
        return self._read(OAuth2Client.client_id == client_id)

    def find_owned(self, row_id: str, owner_subject: str) -> Client | None:
        """Return a client that a user made, disabled or not."""
        return self._read((OAuth2Client.id == row_id) & (OAuth2Client.owner_subject == owner_subject))

    def find_row(self, row_id: str) -> Client | None:
        """Return the client of a row's id as it is in the database now, disabled or not."""
        return self._read(OAuth2Client.id == row_id)

    def find_by_id(self, row_id: str) -> Client | None:
        """Return the client of a row's id, as tokens name it, unless it is disabled."""
        self._cache_invalidation.check()
        client = self._by_id.get(row_id) or self._read(OAuth2Client.id == row_id)
        return client if client is not None and client.is_enabled else None

    def _read(self, condition: Any) -> Client | None:
        by_client_id, by_id = self._by_client_id, self._by_id
        with self._database.reading() as session:
            found = select(OAuth2Client).where(condition).options(joinedload(OAuth2Client.secrets))
            row = session.scalars(found).unique().one_or_none()
        if row is None:
            return None  # misses are not kept: they would let anyone fill the memory
        client = from_row(row)
        size = (
            BYTES_OF_A_CLIENT + size_of(row.client_metadata) + size_of(client.secrets) + size_of(client.redirect_uris)
        )
        by_client_id.put(client.client_id, client, size)
        by_id.put(client.id, client, size)
        return client

    def list_of_owner(self, owner_subject: str) -> list[Client]:
        """Return the clients that a user made, the latest first."""
        with self._database.reading() as session:
            rows = session.scalars(
                select(OAuth2Client)
                .where(OAuth2Client.owner_subject == owner_subject)
                .options(selectinload(OAuth2Client.secrets))
                .order_by(OAuth2Client.created_at.desc(), OAuth2Client.id)
            ).all()
        return [from_row(row) for row in rows]

    def list_all(self, limit: int) -> list[Client]:
        """Return the clients, by name."""
        with self._database.reading() as session:
            wanted = select(OAuth2Client).options(selectinload(OAuth2Client.secrets))
            rows = session.scalars(wanted.order_by(OAuth2Client.client_name, OAuth2Client.id).limit(limit)).all()
        return [from_row(row) for row in rows]

    def list_for_everybody(self, limit: int) -> list[Client]:
        """Return the enabled clients of the operators, which have no owner and did not register themselves, by name.

        Those that people log in to, that is: they have a redirect URI.
        """
        client = OAuth2Client
        theirs = (
            client.owner_subject.is_(None),
            client.registration_token_hash.is_(None),
            client.is_self_registered.is_(False),
            client.disabled_at.is_(None),
        )
        wanted = select(client).where(*theirs).options(selectinload(client.secrets))
        with self._database.reading() as session:
            rows = session.scalars(wanted.order_by(client.client_name, client.id).limit(limit)).all()
        return [found for found in map(from_row, rows) if found.redirect_uris and found.is_enabled]

    def create(
        self,
        metadata: Mapping[str, Any],
        owner_subject: str | None,
        *,
        login: str | None = None,
        max_owned: int = 0,
        **columns: Any,
    ) -> tuple[Client, str | None]:
        """Store a client whose metadata was checked; return it and its secret, which is not kept anywhere.

        ``login`` is the session of the owner who creates it: :class:`~website.database.StaleLoginError` is raised where
        it ended meanwhile. ``max_owned`` is how many clients its owner may have, this one included; 0: as many as they
        like. Raises :class:`TooManyClientsError`.
        """
        secret = new_secret(CLIENT_SECRET_PREFIX) if needs_secret(metadata) else None
        row = OAuth2Client(
            id=new_identifier(),
            client_id=new_identifier(),
            client_name=metadata["client_name"],
            client_metadata=keep_known_members(metadata),
            owner_subject=owner_subject,
            created_at=clock.now(),
            secrets=[] if secret is None else [self._secret_row(secret, metadata)],
            **columns,
        )
        put_origins(row)
        fix_subjects(row)
        with self._database.writing() as session:
            if owner_subject is not None:
                # Held: of two requests at once only one sees room for the last, and an owner who is disabled or deleted
                # at this moment takes this client along.
                session.get(Subject, owner_subject, with_for_update=True)
            if login is not None and session.get(LoginSession, login) is None:
                raise StaleLoginError
            if owner_subject is not None and max_owned:
                owned = select(func.count()).where(OAuth2Client.owner_subject == owner_subject)
                if (session.scalar(owned) or 0) >= max_owned:
                    raise TooManyClientsError
            session.add(row)
            record_change(session, CLIENTS)
        self._cache_invalidation.forget()
        return from_row(row), secret

    def count_self_registered(self, since: int = 0) -> int:
        """Return how many clients registered themselves since a moment and are not due to be pruned."""
        client = OAuth2Client
        is_kept = client.unused_until.is_(None) | (client.unused_until > clock.now())
        counted = select(func.count()).where(client.registration_token_hash.is_not(None), client.created_at > since)
        with self._database.reading() as session:
            return session.scalar(counted.where(is_kept)) or 0

    def update(self, row_id: str, metadata: Mapping[str, Any], **columns: Any) -> None:
        """Change the metadata fields given, which were checked; one that is ``None`` goes, others stay.

        A client made public loses its secrets, and with them the right to introspect: it cannot prove who it is.
        """
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            put_columns(session, row, columns)
            changed = {**row.client_metadata, **metadata}
            put_metadata(session, row, {name: value for name, value in changed.items() if value is not None})
            record_change(session, CLIENTS)
        self._cache_invalidation.forget()

    def replace_metadata(self, row_id: str, metadata: Mapping[str, Any]) -> tuple[bool, str | None]:
        """Put other metadata, which was checked, in place of all that a client registered (:rfc:`7592#section-2.2`).

        What an administrator decided stands in columns, and stays; only a yes to a logo ends with its ``logo_uri``.
        Another method of authentication ends all that the client holds, and every consent. Return whether anything has
        changed, and a new secret where the client needs one: its first, or one that can sign.
        """
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            is_fixed = row.subject_type is not None  # one of a former release is fixed by its first change
            if is_fixed and row.client_metadata == dict(metadata) and not from_row(row).lacks_secret:
                return False, None  # nothing to write, and nothing for any node to read again
            if row.client_metadata["token_endpoint_auth_method"] != metadata["token_endpoint_auth_method"]:
                # What was given to a client that proved who it is would go on without that proof.
                end_everything_of_client(session, row)
                session.execute(delete(Consent).where(Consent.client == row.id))
            if from_row(row).is_self_registered and row.client_metadata.get("logo_uri") != metadata.get("logo_uri"):
                row.shows_logo = None if row.shows_logo else row.shows_logo  # a yes was to the picture before
            put_metadata(session, row, dict(metadata))
            secret = new_secret(CLIENT_SECRET_PREFIX) if from_row(row).lacks_secret else None
            if secret is not None:
                row.secrets = [self._secret_row(secret, metadata)]
            record_change(session, CLIENTS)
        self._cache_invalidation.forget()
        return True, secret

    def keep(self, row_id: str) -> None:
        """Keep a client from now on, though anybody could register it: somebody uses it."""
        with self._database.writing() as session:
            row = session.get(OAuth2Client, row_id, with_for_update=True)
            if row is not None:
                row.unused_until = None
                record_change(session, CLIENTS)
        self._cache_invalidation.forget()

    def set_disabled(self, row_id: str, disabled: bool) -> None:
        """Disable a client, which ends its tokens, or enable it again: none of them comes back to life."""
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            row.disabled_at = clock.now() if disabled else None
            if disabled:
                end_everything_of_client(session, row)
            record_change(session, CLIENTS)
        self._cache_invalidation.forget()

    def set_may_introspect(self, row_id: str, allowed: bool) -> None:
        """Let a client look at every token meant for this server, or at its own ones only."""
        with self._database.writing() as session:
            session.get_one(OAuth2Client, row_id, with_for_update=True).may_introspect = allowed
            record_change(session, CLIENTS)
        self._cache_invalidation.forget()

    def delete(self, row_id: str) -> None:
        """Delete a client for good: its secrets, codes, consents, grants, and so its tokens, go with it."""
        with self._database.writing() as session:
            session.get(OAuth2Client, row_id, with_for_update=True)
            session.execute(delete(OAuth2Client).where(OAuth2Client.id == row_id))
            record_change(session, CLIENTS)
        self._cache_invalidation.forget()
