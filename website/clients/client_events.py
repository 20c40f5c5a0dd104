"""The security events of clients, written in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from ..audit import SUCCESS, Audit
from ..models.client import OAuth2Client
from .client import Client
from .operator_decisions import changes_to_note

#: The actor of a change that a client makes to its own registration (:rfc:`7591`, :rfc:`7592`).
ITSELF = "itself"
AUTH_METHOD = "token_endpoint_auth_method"


def add_client_event(
    audit: Audit,
    session: Session,
    event: str,
    row: OAuth2Client,
    by: str | None,
    detail: Mapping[str, Any] | None = None,
    outcome: str = SUCCESS,
) -> None:
    """Write an event of a client in the caller's transaction, with the client's names, as its row may be deleted.

    ``by`` is the actor: the subject of a person on a page, ``ITSELF``, or ``None`` for a command.
    """
    facts = {"client_id": row.client_id, "client_name": row.client_name, **(detail or {})}
    if by == ITSELF:
        facts = {**facts, "registered_by": ITSELF}
        audit.add(session, event, outcome, actor=row.id, client=row.id, detail=facts)
    else:
        audit.add(session, event, outcome, subject=by, client=row.id, detail=facts)


def describe_changes(before: Client, after: Client) -> dict[str, Any]:
    """Return the detail of a change: the names of changed fields, and the changed decisions and method."""
    names = {*before.metadata, *after.metadata}
    changed = sorted(name for name in names if before.metadata.get(name) != after.metadata.get(name))
    method = {AUTH_METHOD: after.token_endpoint_auth_method} if AUTH_METHOD in changed else {}
    return {"fields": changed, **method, **changes_to_note(before, after)}
