"""Owns security events: a row for whatever an operator may have to find out later, and a line in the log."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from . import clock
from .database import Database, Statement, Writer
from .database.tables import table_of
from .logs import get_logger
from .models.client import OAuth2Client
from .models.event import Event
from .request_context import request_origin

INSERT_EVENT = Statement(
    insert(table_of(Event)).inline(),
    ("occurred_at", "event", "outcome", "actor", "subject", "client", "address", "request_id", "detail"),
)

_client = table_of(OAuth2Client).c
READ_CLIENT_ID = Statement(select(_client.client_id).where(_client.id == bindparam("id_")))

SUCCESS, FAILURE, REFUSED = "success", "failure", "refused"
#: Every event there is, and what it says. ``flask events --event`` takes these names, the reference lists them.
EVENTS = {
    "login": "A person logged in, or did not: outcome failure",
    "login_throttled": "So many logins failed that the next one has to wait",
    "logout": "A person logged out",
    "session_ended": "A login was ended from another one, or all of them were",
    "password_changed": "A password was changed: every session and token of the account ended",
    "password_link_created": "A one-time link to set a password was made",
    "password_link_used": "A password was set by a one-time link",
    "profile_changed": "Claims of an account were changed",
    "account_exported": "The data of an account was handed out",
    "consent_granted": "A person let a client in",
    "consent_denied": "A person did not let a client in",
    "consent_revoked": "A person took a client's access back",
    "authorization_code_replayed": "A code was used twice: what it had given was revoked",
    "refresh_token_reused": "A spent refresh token was used: its grant was revoked",
    "refresh_token_repeated": "A refresh token that had just been spent was answered again",
    "refresh_token_in_two_places": "A refresh token was used in two places, time and again",
    "client_created": "A client was created",
    "client_changed": "A client was changed",
    "client_logo_fetched": "The logo of a client was fetched, or could not be: outcome failure",
    "client_owner_changed": "A client was given to another account, or to none",
    "client_subjects_changed": "A client got another subject type or sector: its grants and consents ended",
    "client_secret_rotated": "A client got a new secret",
    "client_disabled": "A client was disabled: its tokens ended",
    "client_enabled": "A client was enabled again",
    "client_deleted": "A client was deleted: its tokens ended",
    "initial_access_token_created": "Somebody was let register clients",
    "initial_access_token_deleted": "That was taken back",
    "user_created": "An account was created",
    "user_disabled": "An account was disabled: its sessions and tokens ended",
    "user_enabled": "An account was enabled again",
    "operator_appointed": "An account was made an operator's",
    "operator_dismissed": "An account is not an operator's from now on",
    "user_deleted": "An account was deleted with all that hung on it",
    "key_rotated": "A key was put into use",
    "keys_retired": "The keys of a signing algorithm were retired: it is not in use any more",
    "keys_replaced": "Keys were deleted and made anew: what they had signed or sealed ended",
    "keys_reencrypted": "Keys were encrypted anew, under another key-encryption key",
    "database_set_up": "Tables were created or updated, or keys made",
    "database_pruned": "Rows that had run out were deleted",
    "database_backed_up": "A copy of the database was written",
    "draining": "A node was told to take no new connections, or to take them again",
}
log = get_logger("grantwright.audit")


class Audit:
    """The security events of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, event: str, outcome: str = SUCCESS, **facts: Any) -> None:
        """Write an event in a transaction of its own. ``facts`` are those of :meth:`add`."""
        with self._database.writing() as session:
            self.add(session, event, outcome, **facts)

    def add(
        self,
        transaction: Session | Writer,
        event: str,
        outcome: str = SUCCESS,
        *,
        actor: str | None = None,
        subject: str | None = None,
        client: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Write an event in the caller's transaction: it is there if, and only if, what it tells of is.

        ``actor`` is who did it, by default the subject itself in a request and the system's user in a command.
        ``detail`` never holds a secret, nor a name that somebody typed and that is no account's.
        """
        if event not in EVENTS:
            raise ValueError(f"No such event: {event}")
        address, request_id = request_origin()
        if actor is None:
            actor = subject if request_id else f"command:{_system_user()}"
        facts = {
            "actor": actor, "subject": subject, "client": client, "address": address and address[:45],
            "request_id": request_id, "detail": detail,
        }  # fmt: skip
        moment = {"occurred_at": clock.now(), "event": event, "outcome": outcome}
        if isinstance(transaction, Writer):
            written = None if detail is None else json.dumps(detail)
            transaction.run(INSERT_EVENT, **{**moment, **facts, "detail": written})
        else:
            transaction.add(Event(**moment, **facts))
        if request_id:  # a command says on the terminal what it did
            log.info("security event", security_event=event, outcome=outcome, **_with_client_id(transaction, facts))

    def list(
        self, *, events: Sequence[str] = (), subject: str | None = None, since: int = 0, limit: int = 100
    ) -> list[Event]:
        """Return the latest events, the newest first."""
        wanted = select(Event).where(Event.occurred_at >= since).order_by(Event.id.desc()).limit(limit)
        if events:
            wanted = wanted.where(Event.event.in_(events))
        if subject is not None:
            wanted = wanted.where(Event.subject == subject)
        with self._database.reading() as session:
            return [*session.scalars(wanted)]


def _with_client_id(transaction: Session | Writer, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with the client_id in place of the id of the client's row."""
    row_id = facts["client"]
    if row_id is None:
        return facts
    client_id = (facts["detail"] or {}).get("client_id")  # of a client that was deleted the event itself says it
    if client_id is None:
        if isinstance(transaction, Writer):
            row = transaction.one(READ_CLIENT_ID, id_=row_id)
            client_id = row[0] if row else None
        else:
            client_id = transaction.scalar(select(OAuth2Client.client_id).where(OAuth2Client.id == row_id))
    known = client_id or row_id
    return {**facts, "client": known, "actor": known if facts["actor"] == row_id else facts["actor"]}


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
