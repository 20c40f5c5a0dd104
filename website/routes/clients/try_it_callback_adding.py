"""Adding this server's own callback to a client's redirect URIs, on the page where its flow is tried out."""

from __future__ import annotations

from typing import Any

from flask import abort

from ...clients import Client
from ...clients.operator_decisions import decisions_of
from ...clients.subject_types import find_change_problems
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login
from .client_rights import limit_changes, own_client, policy_of_change
from .try_it_callback import callback_uri


def may_add_callback(client: Client) -> bool:
    """Tell whether the client's form would take the callback from the person who is logged in."""
    metadata = {**client.metadata, **_changes_of(client)}
    problems = policy_of_change(client).find_problems(metadata, decisions_of(client))
    problems.add_all(find_change_problems(client, metadata))
    return not problems


def add_callback(client: Client) -> Client:
    """Add the callback, and return the client with it; 403 if its form would refuse that."""
    limit_changes()
    if not may_add_callback(client):
        abort(403)
    authorization_server().clients.update(client.id, _changes_of(client), by=current_login().subject)
    return own_client(client.id)


def _changes_of(client: Client) -> dict[str, Any]:
    return {"redirect_uris": [*client.redirect_uris, callback_uri()]}
