"""The home page: the login form, or what the logged-in user comes for, in the demo and in production."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, redirect, render_template, request

from ..clients import Client
from ..oauth2.server import AuthorizationServer
from ..sessions import CurrentLoginSession
from .clients.app_links import app_address, app_links
from .clients.application_types import name_type
from .clients.client_rights import current_creator
from .clients.try_it_callback import is_on
from .current.authorization_server import authorization_server
from .current.host_application import current_host
from .current.login_session import current_account, find_login, login_page
from .language.page_language import show_in_english
from .login.login_page import render_login_page
from .presentation.client_logos import logo_addresses
from .presentation.device_names import devices_of

MAX_APPS, MAX_CLIENTS = 200, 1000
bp = Blueprint("home", __name__)


@bp.get("/")
def show_home() -> Any:
    """Show the login page, or the home of the demo, of an operator or of anybody else."""
    login = find_login()
    if login is None or "again" in request.args:
        if current_host() is None:
            return render_login_page(request.args.get("login_hint", ""))
        if login is None:
            return redirect(login_page(request.script_root + "/"), 303)
    server = authorization_server()
    may_create, is_operator = current_creator() is not None, current_account().is_operator
    if may_create and (server.settings.demo or is_operator):
        show_in_english()
    if server.settings.demo and may_create:
        return _show_demo(server, login, is_operator=is_operator)
    return _show_operator(server) if may_create and is_operator else _show_person(server, login)


def _show_demo(server: AuthorizationServer, login: CurrentLoginSession, *, is_operator: bool) -> str:
    clients = _list_everybodys(server) if is_operator else server.clients.list_of_owner(login.subject)
    documentation_url = server.settings.documentation_url.rstrip("/")
    return render_template(
        "home_demo.html",
        owners=_names_of_owners(server, clients) if is_operator else None,
        has_flows=is_on(),
        tutorial_url=f"{documentation_url}/tutorial/index.html" if documentation_url else "",
        **_describe_list(server, clients),
    )


def _show_operator(server: AuthorizationServer) -> str:
    clients = _list_everybodys(server)
    return render_template(
        "home_operator.html", owners=_names_of_owners(server, clients), **_describe_list(server, clients)
    )


def _show_person(server: AuthorizationServer, login: CurrentLoginSession) -> str:
    connected = server.grants.consents.list_connected_apps(login.subject)
    may_use = server.access.rules.usable_by(login.user_id)
    return render_template(
        "home_person.html",
        connected=connected,
        logos=logo_addresses(filter(None, (server.clients.find_by_id(app.client) for app in connected))),
        offered=app_links(server, server.clients.list_for_person(MAX_APPS, partial(app_address, server), may_use)),
        devices=[] if current_host() else devices_of(server, login),
        **_describe_list(server, server.clients.list_of_owner(login.subject)),
    )


def _describe_list(server: AuthorizationServer, clients: list[Client]) -> dict[str, Any]:
    """Return what ``_client_list.html`` needs: the clients, and when each was last used if that is counted."""
    activity = server.grants.activity
    last_used = activity.last_used_of(clients) if activity.is_on else None
    return {"clients": clients, "type_of": name_type, "last_used": last_used}


def _list_everybodys(server: AuthorizationServer) -> list[Client]:
    return server.clients.list_all(MAX_CLIENTS)


def _names_of_owners(server: AuthorizationServer, clients: list[Client]) -> dict[str, str]:
    return server.accounts.own_users.names_of({client.owner_subject for client in clients if client.owner_subject})
