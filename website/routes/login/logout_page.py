"""Logging out: a page that asks, and the button that does it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from ..current.login_session import find_login
from .browser_logout import log_out_and_go_on

bp = Blueprint("logout", __name__)


@bp.get("/logout")
def show_logout() -> Any:
    """Show the button. Asking for this page changes nothing."""
    if find_login() is None:
        return redirect(url_for("home.show_home"), 303)
    return render_template("logout.html")


@bp.post("/logout")
def log_user_out() -> Any:
    """End this browser's login, at once and on every node."""
    answer = log_out_and_go_on(url_for("home.show_home"))
    flash(_("You're logged out."))
    return answer
