"""The part of a client's page with what it did lately, and who is connected to it."""

from __future__ import annotations

from flask import abort, render_template

from ...clients import Client
from ...clients.metadata import DEVICE_CODE
from ...grants.connected_people import ConnectedPeople
from ...translatable import N_
from ...users import LocalUsers
from ..current.authorization_server import authorization_server
from ..current.login_session import current_account
from .client_head import describe_head

#: What tokens were issued for, by grant type.
REASONS = {
    "authorization_code": N_("logins"),
    "implicit": N_("logins through the browser"),
    DEVICE_CODE: N_("devices"),
    "password": N_("passwords"),
    "refresh_token": N_("refreshes"),
    "client_credentials": N_("for itself"),
}


def render_activity(client: Client) -> str:
    """Show when a client was last used, what was issued to it this week, and who is connected; 404 if switched off."""
    server = authorization_server()
    if not server.grants.activity.is_on:
        abort(404)
    activity = server.grants.activity.activity_of(client)
    return render_template(
        "client_activity.html",
        activity=activity,
        issued=[(REASONS.get(name, name), total) for name, total in sorted(activity.issued.items())],
        names=_names_of(activity.people),
        **describe_head(client),
    )


def _names_of(people: ConnectedPeople) -> dict[str, str] | None:
    """Return usernames by subject; ``None`` to an owner who isn't an operator: people may not have told the client."""
    users, account = authorization_server().users, current_account()
    if not isinstance(users, LocalUsers) or not (account.is_operator or authorization_server().settings.demo):
        return None
    return users.names_of(person.subject for person in people.latest)
