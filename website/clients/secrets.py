"""Clients' secrets: creating, rotating and listing them, and encrypting those that are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from .. import clock
from ..audit import Audit
from ..database import Database
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..identifiers import CLIENT_SECRET_PREFIX, hash_secret, new_identifier, new_secret
from ..keys import KeyEncryption
from ..models.client import OAuth2Client, OAuth2ClientSecret
from .client import signs_by_secret
from .client_events import add_client_event

#: The maximum number of valid secrets of a client, as each attempt is compared with all of them.
MAX_SECRETS = 5


class ClientSecrets:
    """The secrets of the clients of one database."""

    def __init__(self, database: Database, changes: CacheInvalidation, encryption: KeyEncryption, audit: Audit) -> None:
        self._database = database
        self._cache_invalidation = changes
        self._encryption = encryption
        self._audit = audit

    def list_secrets(self, row_id: str) -> list[OAuth2ClientSecret]:
        """Return the valid secrets of a client, latest first, with their creation and expiry."""
        secret = OAuth2ClientSecret
        with self._database.reading() as session:
            rows = session.scalars(select(secret).where(secret.client == row_id).order_by(secret.created_at.desc()))
            return [row for row in rows if row.expires_at is None or row.expires_at > clock.now()]

    def rotate_secret(self, row_id: str, overlap_seconds: int, *, by: str | None = None) -> str:
        """Create a new secret for a client and return it; older ones work for at most ``overlap_seconds`` more.

        If there are more than ``MAX_SECRETS``, the oldest ones end at once. ``by`` is as in
        :func:`.events.add_client_event`.
        """
        secret, now = new_secret(CLIENT_SECRET_PREFIX), clock.now()
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            live_rows = [former for former in row.secrets if former.expires_at is None or former.expires_at > now]
            live_rows.sort(key=lambda former: (former.expires_at is None, former.expires_at or 0))
            kept_rows, end = live_rows[-(MAX_SECRETS - 1) :], now + overlap_seconds
            for former in kept_rows:
                former.expires_at = min(former.expires_at or end, end)
            row.secrets = [*kept_rows, self._secret_row(secret, row.client_metadata)]
            record_change(session, CLIENTS, row.id)
            add_client_event(self._audit, session, "client_secret_rotated", row, by)
        self._cache_invalidation.forget_recorded(session)
        return secret

    def reencrypt_secrets(self) -> int:
        """Re-encrypt every stored secret with the first key-encryption key; return how many."""
        with self._database.writing() as session:
            encrypted = select(OAuth2ClientSecret).where(OAuth2ClientSecret.encrypted_secret.is_not(None))
            rows = session.scalars(encrypted).all()
            for row in rows:
                secret = self._encryption.decrypt(row.encrypted_secret or b"", row.id)
                row.encrypted_secret = self._encryption.encrypt(secret, row.id)
            record_change(session, CLIENTS)
            if rows:
                self._audit.add(session, "keys_reencrypted", detail={"client_secrets": len(rows)})
        self._cache_invalidation.forget_recorded(session)
        return len(rows)

    def _secret_row(self, secret: str, metadata: Mapping[str, Any]) -> OAuth2ClientSecret:
        row_id = new_identifier()
        encrypted = self._encryption.encrypt(secret.encode(), row_id) if signs_by_secret(metadata) else None
        return OAuth2ClientSecret(
            id=row_id, secret_hash=hash_secret(secret), encrypted_secret=encrypted, created_at=clock.now()
        )
