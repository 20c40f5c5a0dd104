"""The first page: the login for whoever is not logged in, their clients for whoever is."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request

from .host import current_host
from .login_page import render_login_page
from .login_session import current_login, login_page

bp = Blueprint("home", __name__)


@bp.get("/")
def show_home() -> Any:
    """Show the login page, or the clients of whoever is logged in."""
    login = current_login()
    if login is None or "again" in request.args:
        if current_host() is None:
            return render_login_page(request.args.get("login_hint", ""))
        if login is None:
            return redirect(login_page(request.script_root + "/"), 303)
    clients = current_app.extensions["grantwright"].clients.list_of_owner(login.subject)
    return render_template("home.html", clients=clients)
