"""The page of one's own sessions: where one is logged in, and ending that."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from ..current.authorization_server import authorization_server
from ..current.login_session import current_login, log_out, login_required
from ..login.browser_logout import frames_of, log_out_and_go_on, show_logged_out
from ..presentation.device_names import devices_of

bp = Blueprint("own_sessions", __name__)


@bp.get("/account/sessions")
@login_required
def list_sessions() -> str:
    """Show every session of the account: device, address, since when, last used."""
    return render_template("sessions.html", devices=devices_of(authorization_server(), current_login()))


@bp.post("/account/sessions/<session_id>/end")
@login_required
def end_session(session_id: str) -> Any:
    """End one session; ending one's own is logging out."""
    login = current_login()
    if session_id == login.session:
        answer = log_out_and_go_on(url_for("home.show_home"))
        flash(_("You're logged out."))
        return answer
    if authorization_server().sessions.end_one(login, session_id):
        flash(_("The device was logged out."))
    return redirect(url_for("own_sessions.list_sessions"), 303)


@bp.post("/account/sessions/end_others")
@login_required
def end_other_sessions() -> Any:
    """End every session but this one."""
    ended = authorization_server().sessions.end_others(current_login())
    flash(ngettext("%(num)s other device logged out.", "%(num)s other devices logged out.", ended))
    return redirect(url_for("own_sessions.list_sessions"), 303)


@bp.get("/account/sessions/sign_out_everywhere")
@login_required
def show_sign_out_everywhere() -> str:
    """Say what signing out everywhere ends."""
    return render_template("sign_out_everywhere.html")


@bp.post("/account/sessions/sign_out_everywhere")
@login_required
def sign_out_everywhere() -> Any:
    """End every session, this one too, and every token that an application holds."""
    login = current_login()
    frames = frames_of(login)
    authorization_server().sessions.sign_out_everywhere(login)
    log_out()
    flash(_("You're logged out everywhere. Apps have no access until you log in to them again."))
    return show_logged_out(url_for("home.show_home"), frames)
