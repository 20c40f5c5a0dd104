"""A cookie beside the session's, with a value that follows from the login."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Request
from werkzeug.wrappers import Response

from ...oauth2.server import AuthorizationServer
from ...sessions import CurrentLoginSession

Login = CurrentLoginSession | None


@dataclass(frozen=True, slots=True)
class LoginCookie:
    """A cookie for frames of other sites: SameSite=None, which browsers take with Secure alone."""

    suffix: str
    #: Tells whether the server has what the cookie is for.
    is_on: Callable[[AuthorizationServer], bool]
    #: Writes the value for a login and the token that is its session's cookie.
    write: Callable[[Flask, CurrentLoginSession, str], str]
    is_for_scripts: bool = False

    def name_at(self, app: Flask) -> str:
        return f"{app.config['SESSION_COOKIE_NAME']}{self.suffix}"

    def is_right(self, app: Flask, request: Request, login: Login, token: object) -> bool:
        """Tell whether a browser has the cookie of its login, and none if it has no login."""
        return request.cookies.get(self.name_at(app), "") == self._value_of(app, login, token)

    def put_right(self, app: Flask, request: Request, response: Response, login: Login, token: object) -> None:
        """Have a browser keep the cookie of its login."""
        if self.is_right(app, request, login, token):
            return
        value = self._value_of(app, login, token)
        attributes: dict[str, Any] = {
            "path": "/", "secure": True, "httponly": not self.is_for_scripts, "samesite": "None",
        }  # fmt: skip
        if value:
            response.set_cookie(self.name_at(app), value, **attributes)
        elif app.config["SESSION_COOKIE_NAME"] in request.cookies:
            # Without the login's own cookie nothing is known: in a frame of another site, say, it does not come along.
            response.delete_cookie(self.name_at(app), **attributes)

    def _value_of(self, app: Flask, login: Login, token: object) -> str:
        return self.write(app, login, token) if login is not None and isinstance(token, str) else ""
