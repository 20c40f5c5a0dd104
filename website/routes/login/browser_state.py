"""The browser's login state that clients' pages may ask about: a cookie that scripts can read, and its frame."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, render_template

from ...oauth2.server import AuthorizationServer
from ...oauth2.specs.oidc_session_management import CHECK_SESSION_IFRAME, browser_state_of
from ..browser.login_cookie import LoginCookie
from ..browser.security_headers import let_anybody_frame_page
from ..current.authorization_server import authorization_server

bp = Blueprint("browser_state", __name__)


@bp.get(CHECK_SESSION_IFRAME)
def show_frame() -> Any:
    """Answer with the frame that tells whether the login is still the same: it reads the cookie when it is asked."""
    if not _is_on(authorization_server()):
        abort(404)  # its specification is switched off
    let_anybody_frame_page()
    return render_template("check_session.html", cookie_name=BROWSER_STATE.name_at(current_app))


def _is_on(server: AuthorizationServer) -> bool:
    return "check_session_iframe" in server.registry.named_addresses


BROWSER_STATE = LoginCookie("_state", _is_on, lambda _app, login, _token: browser_state_of(login), is_for_scripts=True)
