"""A first flow in the demo: a client that is ready for it, made on the click."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, url_for
from flask_babel import gettext as _

from ... import scopes
from ...clients import Client
from ...clients.client_changes import TooManyClientsError
from ...clients.policy import ClientPolicy
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_required
from .client_rights import current_policy
from .new_client import create_own_client
from .try_it_callback import callback_uri, is_on
from .try_it_flow import can_be_tried

SCOPES = (scopes.OPENID, "profile", "email", scopes.OFFLINE_ACCESS)
bp = Blueprint("first_flow", __name__)


@bp.post("/first_flow")
@login_required
def prepare_first_flow() -> Any:
    """Go to where a flow can be run: on the client that was made for it, as long as it's ready, or on a new one."""
    server, login = authorization_server(), current_login()
    policy = current_policy()
    if not server.settings.demo or not is_on() or policy is None:
        abort(404)
    ready = (one for one in server.clients.list_of_owner(login.subject) if one.is_public and can_be_tried(one))
    client = next((one for one in ready if one.client_name == _("My first app")), None) or _create_client(policy)
    return redirect(url_for("try_it.show_flows", row_id=client.id), 303)


def _create_client(policy: ClientPolicy) -> Client:
    """Create a public client, whose code can be exchanged without pasting a secret."""
    metadata = {
        "client_name": _("My first app"),
        "redirect_uris": [callback_uri()],
        "grant_types": [name for name in ("authorization_code", "refresh_token") if name in policy.offered.grant_types],
        "response_types": ["code"],
        "scope": scopes.join(name for name in SCOPES if name in policy.offered.scopes),
        "token_endpoint_auth_method": "none",
    }
    if policy.find_problems(metadata, {}):
        abort(404)  # an operator has switched off what it needs
    try:
        client, _secret = create_own_client(policy, metadata)
    except TooManyClientsError:
        abort(404)
    return client
