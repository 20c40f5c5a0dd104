"""What changes clients: creating, metadata, decisions, disabling, deleting, each with its event in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .. import clock
from ..database import StaleLoginError
from ..database.cache_invalidation import CLIENTS, record_change
from ..database.cascades import end_everything_of_client
from ..identifiers import CLIENT_SECRET_PREFIX, new_identifier, new_secret
from ..models.client import OAuth2Client
from ..models.consent import Consent
from ..models.login_session import LoginSession
from ..models.subject import Subject
from .client import Client, needs_secret
from .client_jwks import keep_known_members
from .events import add_client_event, describe_changes
from .operator_decisions import changes_to_note
from .rows import fix_subjects, from_row, put_columns, put_metadata, put_origins
from .secrets import ClientSecrets


class TooManyClientsError(Exception):
    """An account has as many clients as it may."""


class ClientChanges(ClientSecrets):
    """The changes to the clients of one database. ``by`` is everywhere that of :func:`.events.add_client_event`."""

    def create(
        self,
        metadata: Mapping[str, Any],
        owner_subject: str | None,
        *,
        by: str | None = None,
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
                _check_owner(session, owner_subject, login, max_owned)
            session.add(row)
            session.flush()
            client = from_row(row)
            record_change(session, CLIENTS)
            add_client_event(self._audit, session, "client_created", row, by, changes_to_note(None, client))
        self._cache_invalidation.forget()
        return client, secret

    def update(self, row_id: str, metadata: Mapping[str, Any], *, by: str | None = None, **columns: Any) -> None:
        """Change the metadata fields given, which were checked; one that is ``None`` goes, others stay.

        A client made public loses its secrets, and with them the right to introspect: it cannot prove who it is.
        """
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            before = from_row(row)
            put_columns(session, row, columns)
            changed = {**row.client_metadata, **metadata}
            put_metadata(session, row, {name: value for name, value in changed.items() if value is not None})
            record_change(session, CLIENTS)
            changes = describe_changes(before, from_row(row))
            add_client_event(self._audit, session, "client_changed", row, by, changes)
        self._cache_invalidation.forget()

    def replace_metadata(self, row_id: str, metadata: Mapping[str, Any], *, by: str | None = None) -> str | None:
        """Put other metadata, which was checked, in place of all that a client registered (:rfc:`7592#section-2.2`).

        What an administrator decided stands in columns, and stays; only a yes to a logo ends with its ``logo_uri``.
        Another method of authentication ends all that the client holds, and every consent. Return a new secret
        where the client needs one: its first, or one that can sign. Where nothing changes, nothing is written.
        """
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            before = from_row(row)
            is_fixed = row.subject_type is not None  # one of a former release is fixed by its first change
            if is_fixed and row.client_metadata == dict(metadata) and not before.lacks_secret:
                return None  # nothing for any node to read again
            if before.token_endpoint_auth_method != metadata["token_endpoint_auth_method"]:
                # What was given to a client that proved who it is would go on without that proof.
                end_everything_of_client(session, row)
                session.execute(delete(Consent).where(Consent.client == row.id))
            if before.is_self_registered and row.client_metadata.get("logo_uri") != metadata.get("logo_uri"):
                row.shows_logo = None if row.shows_logo else row.shows_logo  # a yes was to the picture before
            put_metadata(session, row, dict(metadata))
            secret = new_secret(CLIENT_SECRET_PREFIX) if from_row(row).lacks_secret else None
            if secret is not None:
                row.secrets = [self._secret_row(secret, metadata)]
            record_change(session, CLIENTS)
            changes = describe_changes(before, from_row(row))
            add_client_event(self._audit, session, "client_changed", row, by, changes)
        self._cache_invalidation.forget()
        return secret

    def mark_used(self, row_id: str) -> None:
        """Keep a client from now on, though anybody could register it: somebody uses it."""
        with self._database.writing() as session:
            row = session.get(OAuth2Client, row_id, with_for_update=True)
            if row is not None:
                row.unused_until = None
                record_change(session, CLIENTS)
        self._cache_invalidation.forget()

    def set_disabled(self, row_id: str, disabled: bool, *, by: str | None = None) -> None:
        """Disable a client, which ends its tokens, or enable it again: none of them comes back to life."""
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            row.disabled_at = clock.now() if disabled else None
            if disabled:
                end_everything_of_client(session, row)
            record_change(session, CLIENTS)
            event = "client_disabled" if disabled else "client_enabled"
            add_client_event(self._audit, session, event, row, by)
        self._cache_invalidation.forget()

    def set_may_introspect(self, row_id: str, allowed: bool, *, by: str | None = None) -> None:
        """Let a client look at every token meant for this server, or at its own ones only."""
        with self._database.writing() as session:
            row = session.get_one(OAuth2Client, row_id, with_for_update=True)
            row.may_introspect = allowed
            record_change(session, CLIENTS)
            add_client_event(self._audit, session, "client_changed", row, by, {"may_introspect": allowed})
        self._cache_invalidation.forget()

    def delete(self, row_id: str, *, by: str | None = None) -> None:
        """Delete a client for good: its secrets, codes, consents, grants, and so its tokens, go with it."""
        with self._database.writing() as session:
            row = session.get(OAuth2Client, row_id, with_for_update=True)
            if row is not None:  # else somebody else has deleted it, and told of it
                add_client_event(self._audit, session, "client_deleted", row, by)
                session.execute(delete(OAuth2Client).where(OAuth2Client.id == row_id))
                record_change(session, CLIENTS)
        self._cache_invalidation.forget()


def _check_owner(session: Session, owner_subject: str, login: str | None, max_owned: int) -> None:
    """See that a new client's owner is still logged in, and has room for it. Raises what :meth:`create` does."""
    # Held: of two requests at once only one sees room for the last, and an owner who is disabled or deleted at this
    # moment takes this client along.
    session.get(Subject, owner_subject, with_for_update=True)
    if login is not None and session.get(LoginSession, login) is None:
        raise StaleLoginError
    if max_owned:
        owned = select(func.count()).where(OAuth2Client.owner_subject == owner_subject)
        if (session.scalar(owned) or 0) >= max_owned:
            raise TooManyClientsError
