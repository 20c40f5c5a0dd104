"""Security events: a database row for everything an operator may need to look up later, and a log line."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Sequence
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

#: What an event's actor begins with if a command did it; the system user's name follows.
COMMAND = "command:"
SUCCESS, FAILURE, REFUSED = "success", "failure", "refused"
#: Every event with its description. ``flask events --event`` accepts these names, and the reference lists them.
EVENTS = {
    "login": "Login; with outcome failure, a failed attempt",
    "login_throttled": "Too many failed logins: the next attempt has to wait",
    "logout": "Logout",
    "session_ended": "Login session ended from another one, or all login sessions ended",
    "password_changed": "Password changed; the account's login sessions ended and its tokens were revoked",
    "password_change_required": "Requirement to change the password at the next login set or lifted",
    "password_link_created": "One-time link for setting a password created",
    "password_link_used": "Password set with a one-time link",
    "invitation_created": "Invitation created",
    "invitation_revoked": "Invitation revoked",
    "invitation_used": "Account created with an invitation",
    "passkey_added": "Passkey added",
    "passkey_renamed": "Passkey renamed",
    "passkey_removed": "Passkey removed",
    "passkey_asking_changed": "Passkey after the password turned on or off by its owner",
    "passkey_count_regressed": "Login with a passkey refused: its signature count went back, so its key may be copied",
    "factor_added": "Second factor of an account set up",
    "factor_removed": "Second factor of an account removed",
    "factors_reset": "An account's second factors removed by an operator; its login sessions ended, its tokens revoked",
    "factor_requirement_changed": "Requirement of a second factor set or lifted",
    "recovery_codes_replaced": "New recovery codes of an account made; the previous ones stopped working",
    "recovery_code_used": "Recovery code used instead of a second factor",
    "second_factor_failed": "Wrong code; with outcome refused, the next attempt has to wait",
    "login_stepped_up": "Second factor verified in an existing login session",
    "password_recovery_requested": "Link for a new password requested; with outcome failure, nobody gets an email",
    "email_link_created": "Email confirmation link created",
    "email_verified": "Email address confirmed with a one-time link",
    "profile_changed": "Account details changed",
    "account_exported": "Account data exported",
    "consent_granted": "Consent granted",
    "consent_denied": "Consent denied",
    "consent_revoked": "Consent revoked by the user",
    "authorization_code_replayed": "Authorization code used twice; the tokens from its first use were revoked",
    "device_allowed": "Device allowed by the user",
    "device_denied": "Device denied by the user",
    "user_codes_throttled": "Too many wrong user codes of devices: the next attempt has to wait",
    "device_code_replayed": "Device code redeemed twice; the tokens from its first use were revoked",
    "refresh_token_reused": "Used refresh token sent again; its grant was revoked",
    "refresh_token_repeated": "Previous refresh token accepted again within the grace period",
    "refresh_token_in_two_places": "Refresh token repeatedly used in two places",
    "client_created": "Client created",
    "client_changed": "Client changed",
    "client_logo_uploaded": "Client logo uploaded by an operator",
    "client_logo_fetched": "Client logo fetched; with outcome failure, it couldn't be",
    "client_document_withdrawn": "Metadata document of a client gone or no longer valid; its grants and consents ended",
    "client_owner_changed": "Client assigned to another account, or to none",
    "client_subjects_changed": "Subject type or sector of a client changed; its grants and consents ended",
    "client_access_changed": "Who may use a client changed, or the kind of login it requires",
    "client_claims_changed": "Mapped claim of a client set or removed",
    "client_access_ended": "Access to a client ended as its rule or a group changed: of one account, or all its tokens",
    "client_access_refused": "Somebody logged in tried to use a client that they may not use",
    "client_secret_rotated": "Client secret rotated",
    "client_disabled": "Client disabled; its tokens were revoked",
    "client_enabled": "Client enabled",
    "client_deleted": "Client deleted; its tokens were revoked",
    "resource_created": "API created",
    "resource_changed": "API changed",
    "resource_deleted": "API deleted; its tokens were revoked",
    "resource_client_changed": "API access of a client changed",
    "initial_access_token_created": "Initial access token created",
    "initial_access_token_deleted": "Initial access token deleted",
    "user_created": "Account created",
    "user_disabled": "Account disabled; its login sessions ended and its tokens were revoked",
    "user_enabled": "Account enabled",
    "operator_appointed": "Operator role granted",
    "operator_dismissed": "Operator role removed",
    "role_granted": "Role granted; the operator role has events of its own",
    "role_revoked": "Role removed",
    "user_deleted": "Account deleted with all its data",
    "group_created": "Group created",
    "group_changed": "Group renamed, or its label or requirements changed",
    "group_deleted": "Group deleted",
    "group_member_added": "Account added to a group",
    "group_member_removed": "Account removed from a group",
    "key_rotated": "New key in use",
    "keys_retired": "Keys retired: their signing algorithm is no longer in use",
    "keys_replaced": "Keys deleted and replaced; everything they had signed or sealed became invalid",
    "keys_reencrypted": "Keys re-encrypted with another key-encryption key",
    "database_set_up": "Database set up or updated, or missing keys created",
    "database_pruned": "Expired rows deleted",
    "database_backed_up": "Database backed up",
    "draining": "Draining of a node started or stopped",
}
log = get_logger("grantwright.audit")


class Audit:
    """The security events of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Is given each event's name and outcome as it is written, to count it.
        self.on_event: Callable[[str, str], None] | None = None

    def record(self, event: str, outcome: str = SUCCESS, **facts: Any) -> None:
        """Write an event in its own transaction. ``facts`` are the keyword arguments of :meth:`add`."""
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
        """Write an event in the caller's transaction, so that the event and the change are committed together.

        ``actor`` is who did it: by default the subject in a request, and the system user in a command. ``detail`` must
        not contain a secret, nor a typed username that belongs to no account.
        """
        if event not in EVENTS:
            raise ValueError(f"No such event: {event}")
        address, request_id = request_origin()
        if actor is None:
            actor = subject if request_id else f"{COMMAND}{_system_user()}"
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
        if self.on_event is not None:
            self.on_event(event, outcome)
        if request_id:  # a command reports its changes on the terminal
            log.info("security event", security_event=event, outcome=outcome, **_with_client_id(transaction, facts))

    def list(
        self,
        *,
        events: Sequence[str] = (),
        subject: str | None = None,
        actor: str | None = None,
        client: str | None = None,
        since: int = 0,
        until: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Event]:
        """Return the latest events, newest first, also by the id of a client's row, and from or before a time.

        ``before`` is the id of the last one on the page before.
        """
        query = select(Event).where(Event.occurred_at >= since).order_by(Event.id.desc()).limit(limit)
        if events:
            query = query.where(Event.event.in_(events))
        if subject is not None:
            query = query.where(Event.subject == subject)
        if actor is not None:
            query = query.where(Event.actor == actor)
        if client is not None:
            query = query.where(Event.client == client)
        if until is not None:
            query = query.where(Event.occurred_at < until)
        if before is not None:
            query = query.where(Event.id < before)
        with self._database.reading() as session:
            return [*session.scalars(query)]


def _with_client_id(transaction: Session | Writer, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with the client_id instead of the client's row id."""
    row_id = facts["client"]
    if row_id is None:
        return facts
    client_id = (facts["detail"] or {}).get("client_id")  # a deleted client's event has it
    if client_id is None:
        if isinstance(transaction, Writer):
            row = transaction.one(READ_CLIENT_ID, id_=row_id)
            client_id = row[0] if row else None
        else:
            client_id = transaction.scalar(select(OAuth2Client.client_id).where(OAuth2Client.id == row_id))
    name = client_id or row_id
    return {**facts, "client": name, "actor": name if facts["actor"] == row_id else facts["actor"]}


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # the user of a container may have no name
        return "unknown"
