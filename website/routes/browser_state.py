"""The browser's login state that clients' pages may ask about: a cookie that scripts can read, and its frame."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, g, render_template, request
from werkzeug.wrappers import Response

from ..oauth2.specs.oidc_session_management import CHECK_SESSION_IFRAME, browser_state_of
from .authorization_server import authorization_server
from .security_headers import let_anybody_frame_page

bp = Blueprint("browser_state", __name__)


@bp.get(CHECK_SESSION_IFRAME)
def show_frame() -> Any:
    """Answer with the frame that tells whether the login is still the same: it reads the cookie when it is asked."""
    if not _is_on():
        abort(404)  # its specification is switched off
    let_anybody_frame_page()
    return render_template("check_session.html", cookie_name=_cookie_name())


@bp.after_app_request
def keep_browser_state(response: Response) -> Response:
    """Bring the cookie to what the login is, wherever a page has looked at that."""
    if "grantwright_login" not in g or response.status_code >= 500 or not _is_on():
        return response
    login, _account = g.grantwright_login
    name, state_before = _cookie_name(), request.cookies.get(_cookie_name(), "")
    state = browser_state_of(login) if login is not None else ""
    # Frames of other sites may read it: SameSite=None, which browsers take with Secure alone.
    attributes: dict[str, Any] = {"path": "/", "secure": True, "samesite": "None"}
    if state and state != state_before:
        response.set_cookie(name, state, **attributes)
    elif state_before and not state and current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
        # Without the login's own cookie nothing is known: in a frame of another site, say, it does not come along.
        response.delete_cookie(name, **attributes)
    return response


def _is_on() -> bool:
    return "check_session_iframe" in authorization_server().registry.named_addresses


def _cookie_name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_state"
