"""A browser as its cookies describe it, known without Flask's contexts, and the cookies that follow its login."""

from __future__ import annotations

from flask import Flask, current_app, g, request, session
from werkzeug.wrappers import Response

from ...identifiers import new_secret
from ...oauth2.server import AuthorizationServer
from ...request_context import Environ
from ...sessions import CurrentLoginSession
from ...users import Account
from ..browser.login_cookie import LoginCookie
from ..browser.pending_request_cookie import id_of
from ..current.login_session import LOGIN_KEY
from .browser_state import BROWSER_STATE
from .cross_site_login import CROSS_SITE_LOGIN, find_cross_site_login

#: The key of those that an application has.
EXTENSION = "grantwright_login_cookies"


def register(app: Flask) -> None:
    server: AuthorizationServer = app.extensions["grantwright"]
    app.extensions[EXTENSION] = [cookie for cookie in (BROWSER_STATE, CROSS_SITE_LOGIN) if cookie.is_on(server)]
    app.after_request(keep_login_cookies)


def keep_login_cookies(response: Response) -> Response:
    """Bring the cookies to what the login is, wherever a page has looked at that."""
    found = g.get("grantwright_login")
    if found is not None and response.status_code < 500:
        app, token = current_app, session.get(LOGIN_KEY)
        for cookie in _cookies_of(app):
            cookie.put_right(app, request, response, found[0], token)
    return response


def _cookies_of(app: Flask) -> list[LoginCookie]:
    cookies: list[LoginCookie] = app.extensions[EXTENSION]
    return cookies


class CookieBrowser:
    """The browser of a request to a provider that has its own logins."""

    def __init__(self, app: Flask, environ: Environ) -> None:
        self.environ = environ
        self._app = app
        self._server: AuthorizationServer = app.extensions["grantwright"]
        #: For its cookies alone.
        self._request = app.request_class(environ)
        self._new_id: str | None = None
        #: Who is logged in, once that was asked.
        self.found_login: tuple[CurrentLoginSession | None, Account | None] | None = None
        self._has_its_cookies = True

    @property
    def id(self) -> str:
        in_cookie = id_of(self._app, self._request)
        if in_cookie is not None:
            return in_cookie
        if self._new_id is None:
            self._new_id = new_secret()
        return self._new_id

    def find_login(self) -> CurrentLoginSession | None:
        if self.found_login is None:
            self.found_login = self._look_up()
        return self.found_login[0]

    def _look_up(self) -> tuple[CurrentLoginSession | None, Account | None]:
        sessions = self._app.session_interface
        opened = sessions.open_session(self._app, self._request)
        token = None if opened is None else opened.get(LOGIN_KEY)
        found = self._server.find_login(token)
        is_kept = opened is None or not sessions.should_set_cookie(self._app, opened)
        self._has_its_cookies = is_kept and all(
            cookie.is_right(self._app, self._request, found[0], token) for cookie in _cookies_of(self._app)
        )
        return found

    def find_cross_site_login(self) -> CurrentLoginSession | None:
        return find_cross_site_login(self._app, self._request)

    def knows_auth_time(self) -> bool:
        return True

    @property
    def was_looked_up(self) -> bool:
        """Whether the answer depends on the cookie of the session."""
        return self.found_login is not None

    @property
    def has_its_cookies(self) -> bool:
        """Whether no cookie has to be set with the response."""
        return self._new_id is None and self._has_its_cookies

    def tell_pages(self) -> None:
        """Have the view of the same request go on with what was found out here."""
        if self.found_login is not None:
            g.grantwright_login = self.found_login
            session.accessed = True  # for "Vary: Cookie", as if it were read there
        if self._new_id is not None:
            g.grantwright_browser_id = self._new_id
