"""The home page: the login form, or the clients or apps of the logged-in user."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request

from ..oauth2.server import AuthorizationServer
from .authorization_server import authorization_server
from .client_rights import current_creator
from .host_application import current_host
from .login_page import render_login_page
from .login_session import current_account, current_login, login_page

MAX_APPS, MAX_CLIENTS = 200, 1000
bp = Blueprint("home", __name__)


@bp.get("/")
def show_home() -> Any:
    """Show the login page; the clients of somebody who may create some; the apps of anybody else."""
    login = current_login()
    if login is None or "again" in request.args:
        if current_host() is None:
            return render_login_page(request.args.get("login_hint", ""))
        if login is None:
            return redirect(login_page(request.script_root + "/"), 303)
    server = authorization_server()
    if current_account().is_operator and current_creator() is not None:
        everybodys = server.clients.list_all(MAX_CLIENTS)
        names = server.users.names_of({client.owner_subject for client in everybodys} - {None})
        return render_template("home.html", clients=everybodys, owners=names, may_create=True)
    clients = server.clients.list_of_owner(login.subject)
    if current_creator() is not None:
        return render_template("home.html", clients=clients, may_create=True)
    return render_template(
        "home.html",
        clients=clients,
        may_create=False,
        connected=server.grants.consents.list_connected_apps(login.subject),
        offered=_list_offered(server),
    )


def _list_offered(server: AuthorizationServer) -> list[tuple[str, str]]:
    """Return the name and the address of each application that this server's operators offer to everybody."""
    issuer = server.issuer_of(request.environ)
    links = []
    for client in server.clients.list_for_everybody(MAX_APPS):
        address = server.registry.login_address(client, issuer) or client.client_uri
        if address:
            links.append((client.client_name, address))
    return links
