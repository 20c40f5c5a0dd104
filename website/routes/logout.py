"""Logging out: a page that asks, and the button that does it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from .login_session import current_login, log_out

bp = Blueprint("logout", __name__)


@bp.get("/logout")
def show_logout() -> Any:
    """Show the button. Asking for this page changes nothing."""
    if current_login() is None:
        return redirect(url_for("home.show_home"), 303)
    return render_template("logout.html")


@bp.post("/logout")
def log_user_out() -> Any:
    """End this browser's login, at once and on every node."""
    log_out()
    flash("You are logged out.")
    return redirect(url_for("home.show_home"), 303)
