"""The page of connected apps: which applications have access to one's account, and taking it back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from ...clients import Client
from ...grants.consents import ConnectedApp
from ...oauth2.server import AuthorizationServer
from ...scopes import split
from ..authorization.permissions import Permissions, own_permissions, permissions_at
from ..clients.app_links import app_address
from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, login_required
from ..presentation.client_logos import logo_addresses

bp = Blueprint("connected_apps", __name__)


@bp.get("/account/apps")
@login_required
def list_apps() -> str:
    """Show which applications have access, to what, and since when."""
    server = authorization_server()
    connections = server.grants.consents.list_connected_apps(current_login().subject)
    clients = {app.client: server.clients.find_by_id(app.client) for app in connections}
    apps = [
        (
            app,
            _permissions_of(server, app),
            _address_of(server, clients[app.client]),
        )
        for app in connections
    ]
    return render_template("connected_apps.html", apps=apps, logos=logo_addresses(filter(None, clients.values())))


def _permissions_of(server: AuthorizationServer, app: ConnectedApp) -> list[Permissions]:
    """Return what an app can do with the account, and at each API that still exists."""
    own = own_permissions(server, split(app.scope), app.claims_beyond_scope)
    found = ((server.resources.with_key(key), scope) for key, scope in app.resources.items())
    at_resources = [permissions_at(resource, split(scope)) for resource, scope in found if resource is not None]
    return [*own, *at_resources]


def _address_of(server: AuthorizationServer, client: Client | None) -> str:
    """Return where an app is opened; empty without an address, and for one that is disabled."""
    return "" if client is None else app_address(server, client)


@bp.post("/account/apps/<client>/revoke")
@login_required
def revoke_app(client: str) -> Any:
    """Take an application's access away: every token that it holds for this user is dead from here on."""
    server, subject = authorization_server(), current_login().subject
    connected = {app.client: app.client_name for app in server.grants.consents.list_connected_apps(subject)}
    if client in connected:
        server.grants.consents.revoke(subject, client)
        flash(_("%(app)s no longer has access.", app=connected[client]))
    return redirect(url_for("connected_apps.list_apps"), 303)
