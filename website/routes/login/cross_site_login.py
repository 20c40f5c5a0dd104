"""The second cookie of a login, for clients' pages on other sites: it answers ``prompt=none``, and nothing else.

A page of ours never reads it, so that no other site can have a form or a page opened in somebody's name.
"""

from __future__ import annotations

from flask import Flask, Request
from itsdangerous import BadData, URLSafeSerializer

from ...oauth2.server import AuthorizationServer
from ...sessions import CurrentLoginSession
from ..browser.login_cookie import LoginCookie


def find_cross_site_login(app: Flask, request: Request) -> CurrentLoginSession | None:
    """Return the login of the browser in which another site's page asks by a GET, in a frame say."""
    server: AuthorizationServer = app.extensions["grantwright"]
    if request.method != "GET" or not _is_on(server):
        return None
    try:
        token = _serializer(app).loads(request.cookies.get(CROSS_SITE_LOGIN.name_at(app), ""))
    except BadData:
        return None
    return server.find_login(token)[0]


def _is_on(server: AuthorizationServer) -> bool:
    return server.settings.session_cookie_samesite == "None" and not server.accounts.are_external


def _serializer(app: Flask) -> URLSafeSerializer:
    """Sign by a salt of its own: the value cannot pass for the session's cookie, nor the other way round."""
    keys = [*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="grantwright-cross-site-login")


def _write(app: Flask, _login: CurrentLoginSession, token: str) -> str:
    return str(_serializer(app).dumps(token))


CROSS_SITE_LOGIN = LoginCookie("_cross_site", _is_on, _write)
