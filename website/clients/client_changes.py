"""Creating, changing, disabling and deleting clients, each in one transaction with its security event.

The transaction also counts the change, by which other processes notice it: see ``database/cache_invalidation.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .. import clock
from ..database import StaleLoginError
from ..database.cache_invalidation import CLIENTS, record_change
from ..database.ending_all_access import end_everything_of_client
from ..identifiers import CLIENT_SECRET_PREFIX, new_identifier, new_secret
from ..models.authorization_code import OAuth2AuthorizationCode
from ..models.client import OAuth2Client
from ..models.consent import Consent
from ..models.login_session import LoginSession
from ..models.subject import Subject
from .client import Client, needs_secret
from .client_events import add_client_event, describe_changes
from .client_jwks import keep_known_members
from .client_row import fix_subjects, from_row, has_uploaded_logo, put_columns, put_metadata, put_origins
from .operator_decisions import changes_to_note
from .secrets import ClientSecrets


class TooManyClientsError(Exception):
    """An account already has the maximum number of clients."""


class ClientChangedError(Exception):
    """The client isn't as it was when a change of it was judged. Nothing was written."""


class ClientChanges(ClientSecrets):
    """Changes to the clients of one database. For ``by`` see :func:`.events.add_client_event`."""

    def create(
        self,
        metadata: Mapping[str, Any],
        owner_subject: str | None,
        *,
        by: str | None = None,
        login: str | None = None,
        max_owned: int = 0,
        client_id: str | None = None,
        **columns: Any,
    ) -> tuple[Client, str | None]:
        """Store a client with validated metadata; return it and its secret, which isn't stored.

        ``client_id`` is that of a client with a metadata document; others get a random one.
        ``login`` is the login session of the owner who creates it: :class:`~website.database.StaleLoginError` is raised
        if it has ended. ``max_owned`` is how many clients the owner may have, including this one; 0 means no limit.
        Raises :class:`TooManyClientsError`.
        """
        secret = new_secret(CLIENT_SECRET_PREFIX) if needs_secret(metadata) else None
        row = OAuth2Client(
            id=new_identifier(),
            client_id=client_id or new_identifier(),
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
                _check_owner(session, owner_subject, login, max_owned)
            session.add(row)
            session.flush()
            client = from_row(row)
            # No cache has to forget it: that a client doesn't exist isn't cached.
            add_client_event(self._audit, session, "client_created", row, by, changes_to_note(None, client))
        return client, secret

    def update(
        self,
        row_id: str,
        metadata: Mapping[str, Any],
        *,
        by: str | None = None,
        judged: Client | None = None,
        **columns: Any,
    ) -> None:
        """Change some validated metadata fields; ``None`` removes a field.

        A client that becomes public loses its secrets and the right to introspect, as it can't authenticate. ``judged``
        is as for :meth:`replace_metadata`; without it, the change is allowed whatever has happened.
        """
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            before = from_row(row)
            if judged is not None and _is_otherwise(before, judged):
                raise ClientChangedError
            put_columns(session, row, columns)
            changed = {**row.client_metadata, **metadata}
            put_metadata(session, row, {name: value for name, value in changed.items() if value is not None})
            record_change(session, CLIENTS, row_id)
            changes = describe_changes(before, from_row(row))
            add_client_event(self._audit, session, "client_changed", row, by, changes)
        self._cache_invalidation.forget_recorded(session)

    def replace_metadata(self, judged: Client, metadata: Mapping[str, Any], *, by: str | None = None) -> str | None:
        """Replace all registered metadata with other validated metadata (:rfc:`7592#section-2.2`).

        ``judged`` is the client as it was when the metadata was validated, which may have taken seconds: if an operator
        has decided something since, or it was changed, disabled or deleted, raises :class:`ClientChangedError`.

        An operator's decisions are in columns and stay; only permission to show a logo ends with its ``logo_uri``.
        Changing the authentication method ends all grants and consents of the client. Returns a new secret if the
        client needs one: its first, or one it can sign with. If nothing changes, nothing is written.
        """
        with self._database.writing() as session:
            row = session.get(OAuth2Client, judged.id, with_for_update=True)
            if row is None or _is_otherwise(before := from_row(row), judged):
                raise ClientChangedError
            is_fixed = row.subject_type is not None  # a client of an earlier release is fixed by its first change
            if is_fixed and row.client_metadata == dict(metadata) and not before.lacks_secret:
                return None  # no node has to reload its clients
            if before.token_endpoint_auth_method != metadata["token_endpoint_auth_method"]:
                # Grants to a client that authenticated would go on without authentication.
                end_everything_of_client(session, row)
                session.execute(delete(Consent).where(Consent.client == row.id))
            names_another_logo = row.client_metadata.get("logo_uri") != metadata.get("logo_uri")
            if (
                before.is_self_registered
                and names_another_logo
                and row.shows_logo
                and not has_uploaded_logo(session, row)
            ):
                row.shows_logo = None  # the permission was for the previous picture
            put_metadata(session, row, dict(metadata))
            secret = new_secret(CLIENT_SECRET_PREFIX) if from_row(row).lacks_secret else None
            if secret is not None:
                row.secrets = [self._secret_row(secret, metadata)]
            record_change(session, CLIENTS, row.id)
            changes = describe_changes(before, from_row(row))
            add_client_event(self._audit, session, "client_changed", row, by, changes)
        self._cache_invalidation.forget_recorded(session)
        return secret

    def mark_used(self, row_id: str) -> None:
        """Mark a self-registered client as used, so that pruning keeps it."""
        with self._database.writing() as session:
            row = session.get(OAuth2Client, row_id, with_for_update=True)
            if row is not None:
                row.unused_until = None
                record_change(session, CLIENTS, row_id)
        self._cache_invalidation.forget_recorded(session)

    def set_disabled(self, row_id: str, disabled: bool, *, by: str | None = None) -> None:
        """Disable a client, which ends its tokens, or enable it again, which doesn't revive them."""
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            row.disabled_at = clock.now() if disabled else None
            if disabled:
                end_everything_of_client(session, row)
            record_change(session, CLIENTS, row_id)
            event = "client_disabled" if disabled else "client_enabled"
            add_client_event(self._audit, session, event, row, by)
        self._cache_invalidation.forget_recorded(session)

    def set_may_introspect(self, row_id: str, allowed: bool, *, by: str | None = None) -> None:
        """Let a client introspect every token issued for this server, or only its own."""
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            row.may_introspect = allowed
            record_change(session, CLIENTS, row_id)
            add_client_event(self._audit, session, "client_changed", row, by, {"may_introspect": allowed})
        self._cache_invalidation.forget_recorded(session)

    def delete(self, row_id: str, *, by: str | None = None) -> None:
        """Delete a client for good, including its secrets, codes, consents, grants and thus tokens."""
        with self._database.writing() as session:
            row = session.get(OAuth2Client, row_id, with_for_update=True)
            if row is not None:  # otherwise another request has deleted and recorded it
                add_client_event(self._audit, session, "client_deleted", row, by)
                session.execute(delete(OAuth2AuthorizationCode).where(OAuth2AuthorizationCode.client == row_id))
                session.execute(delete(OAuth2Client).where(OAuth2Client.id == row_id))
                record_change(session, CLIENTS, row_id)
        self._cache_invalidation.forget_recorded(session)


def _is_otherwise(client: Client, judged: Client) -> bool:
    """Tell whether a client has changed in anything that a judgment of its metadata may depend on."""
    unimportant: Any = {"secrets": (), "encrypted_secrets": (), "unused_until": None, "token_epoch": 0}
    return replace(client, **unimportant) != replace(judged, **unimportant)


def _check_owner(session: Session, owner_subject: str, login: str | None, max_owned: int) -> None:
    """Check that a new client's owner is still logged in and below the limit. Raises what ``create`` raises."""
    # Locked: only one of two concurrent requests gets the last place, and disabling or deleting the owner at this
    # moment includes this client.
    session.get(Subject, owner_subject, with_for_update=True)
    if login is not None and session.get(LoginSession, login) is None:
        raise StaleLoginError
    if max_owned:
        owned = select(func.count()).where(OAuth2Client.owner_subject == owner_subject)
        if (session.scalar(owned) or 0) >= max_owned:
            raise TooManyClientsError
