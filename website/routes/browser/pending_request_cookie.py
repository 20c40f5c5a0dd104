"""The cookie of a browser in which an authorization request waits: by it, a request is answered where it began."""

from __future__ import annotations

import re

from flask import Flask, Request, current_app, g, request
from werkzeug.wrappers import Response

from ...identifiers import new_secret

#: As :func:`website.identifiers.new_secret` draws it; anything else was written by somebody else.
_VALUE = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def browser_id() -> str:
    """Return the random name of this browser. One that has none gets it with the answer.

    It stays when somebody logs in or out: the request that they log in for began before.
    """
    if "grantwright_browser_id" not in g:
        g.grantwright_browser_id = id_of(current_app, request) or new_secret()
    name: str = g.grantwright_browser_id
    return name


def id_of(app: Flask, request: Request) -> str | None:
    """Return the random name of the browser that sends a request, if it has one."""
    cookie = request.cookies.get(_cookie_name(app), "")
    return cookie if _VALUE.match(cookie) else None


def keep_browser_id(response: Response) -> Response:
    """Give the browser its name, where it has none and one was asked for."""
    name = g.get("grantwright_browser_id")
    if name is not None and name != request.cookies.get(_cookie_name(current_app)):
        secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(_cookie_name(current_app), name, path="/", secure=secure, httponly=True, samesite="Lax")
    return response


def _cookie_name(app: Flask) -> str:
    return f"{app.config['SESSION_COOKIE_NAME']}_browser"
