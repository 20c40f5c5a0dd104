"""The first page: the login for whoever is not logged in, their clients for whoever is."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template

from .login_page import render_login_page
from .login_session import current_login

bp = Blueprint("home", __name__)


@bp.get("/")
def show_home() -> str:
    """Show the login page, or the clients of whoever is logged in."""
    login = current_login()
    if login is None:
        return render_login_page()
    clients = current_app.extensions["grantwright"].clients.list_of_owner(login.subject)
    return render_template("home.html", clients=clients)
