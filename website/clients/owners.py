"""Clients whose owner is disabled, deleted or replaced: they are disabled, or get another owner.

All in the transaction that changes the owner, with an event for every client.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import clock
from ..audit import Audit
from ..database import Database
from ..database.cache_invalidation import CLIENTS, CacheInvalidation, record_change
from ..database.ending_all_access import end_everything_of_client
from ..models.client import OAuth2Client
from ..models.subject import Subject
from ..models.user import User
from .client_events import add_client_event


class OwnedClientsError(Exception):
    """An account has clients, and it wasn't decided what happens to them."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        super().__init__(", ".join(names))


def list_owned(session: Session, subject: str) -> list[OAuth2Client]:
    """Return the clients of a subject by name, locked until the transaction ends.

    The subject is locked first, to wait for clients that are just being created.
    """
    session.execute(select(Subject.subject).where(Subject.subject == subject).with_for_update())
    client = OAuth2Client
    owned = select(client).where(client.owner_subject == subject).order_by(client.client_name, client.id)
    return [*session.scalars(owned.with_for_update())]


def end_clients_of(session: Session, audit: Audit, subject: str, reason: str) -> list[str]:
    """Disable the clients of a subject and end their tokens; return their names.

    Increases their epoch, so that enabling one later doesn't revive its tokens.
    """
    owned = [client for client in list_owned(session, subject) if client.disabled_at is None]
    for client in owned:
        client.disabled_at = clock.now()
        end_everything_of_client(session, client)
        record_change(session, CLIENTS, client.id)
        add_client_event(audit, session, "client_disabled", client, None, {"reason": reason})
    return [client.client_name for client in owned]


def give_clients_of(session: Session, audit: Audit, subject: str, new_owner: str) -> list[str]:
    """Give the clients of a subject to another one; return their names. Raises :class:`OwnerGoneError`."""
    _hold_owner(session, new_owner)
    owned = list_owned(session, subject)
    for client in owned:
        client.owner_subject = new_owner
        facts = {"former_owner": subject, "owner": new_owner}
        record_change(session, CLIENTS, client.id)
        add_client_event(audit, session, "client_owner_changed", client, None, facts)
    return [client.client_name for client in owned]


class OwnerGoneError(Exception):
    """A client's new owner can no longer log in."""


class ClientOwners:
    """Assigns the clients of one database to accounts."""

    def __init__(
        self, database: Database, changes: CacheInvalidation, audit: Audit, *, has_external_users: bool
    ) -> None:
        self._database = database
        #: Another application's users are not in our tables: it is asked about an owner at each issuance.
        self._has_external_users = has_external_users
        self._cache_invalidation = changes
        self._audit = audit

    def set(self, row_id: str, owner: str | None, by: str | None = None) -> None:
        """Assign a client to a subject, or to none, with the event in the same transaction.

        ``by`` is the subject who did it, ``None`` for a command. Raises :class:`OwnerGoneError` if the new owner was
        disabled or deleted meanwhile.
        """
        with self._database.writing() as session:
            if owner is not None and not self._has_external_users:
                _hold_owner(session, owner)
            client = session.get_one(OAuth2Client, row_id, with_for_update=True)
            former, client.owner_subject = client.owner_subject, owner
            if former != owner:
                facts = {"former_owner": former, "owner": owner}
                add_client_event(self._audit, session, "client_owner_changed", client, by, facts)
                record_change(session, CLIENTS, row_id)
        self._cache_invalidation.forget_recorded(session)


def _hold_owner(session: Session, owner: str) -> None:
    """Lock a subject, so that disabling or deleting its account afterwards includes the client."""
    query = select(Subject.user_id).where(Subject.subject == owner).with_for_update()
    user_id = session.scalar(query)
    user = session.get(User, int(user_id)) if user_id is not None else None
    if user is None or user.disabled_at is not None:
        raise OwnerGoneError
