"""The second cookie of a login, for clients' pages on other sites: it answers ``prompt=none``, and nothing else.

A page of ours never reads it, so that no other site can have a form or a page opened in somebody's name.
"""

from __future__ import annotations

from typing import Any

from flask import current_app, g, request, session
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.wrappers import Response

from ..sessions import CurrentLoginSession
from .authorization_server import authorization_server
from .host_application import current_host
from .login_session import LOGIN_KEY


def find_cross_site_login() -> CurrentLoginSession | None:
    """Return the login of the browser in which another site's page asks by a GET, in a frame say."""
    if request.method != "GET" or not _is_on():
        return None
    try:
        token = _serializer().loads(request.cookies.get(_cookie_name(), ""))
    except BadData:
        return None
    server = authorization_server()
    login = server.sessions.find(token) if isinstance(token, str) else None
    return login if login is not None and server.users.find(login.user_id) is not None else None


def keep_cross_site_login(response: Response) -> Response:
    """Bring the cookie to what the login is, wherever a page has looked at that."""
    if "grantwright_login" not in g or response.status_code >= 500 or not _is_on():
        return response
    login, _account = g.grantwright_login
    token, cookie = session.get(LOGIN_KEY), request.cookies.get(_cookie_name(), "")
    value = _serializer().dumps(token) if login is not None and isinstance(token, str) else ""
    # Browsers take SameSite=None with Secure alone; on loopback they do so over plain http too.
    attributes: dict[str, Any] = {"path": "/", "secure": True, "httponly": True, "samesite": "None"}
    if value and value != cookie:
        response.set_cookie(_cookie_name(), value, **attributes)
    elif cookie and not value and current_app.config["SESSION_COOKIE_NAME"] in request.cookies:
        # Without the login's own cookie nothing is known: from another site it does not come along.
        response.delete_cookie(_cookie_name(), **attributes)
    return response


def _is_on() -> bool:
    return authorization_server().settings.session_cookie_samesite == "None" and current_host() is None


def _cookie_name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_cross_site"


def _serializer() -> URLSafeSerializer:
    """Sign by a salt of its own: the value cannot pass for the session's cookie, nor the other way round."""
    keys = [*(current_app.config.get("SECRET_KEY_FALLBACKS") or ()), current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="grantwright-cross-site-login")
