"""The cookie with the language that was chosen in a browser."""

from __future__ import annotations

from flask import current_app, g, request
from werkzeug.wrappers import Response

MAX_AGE_SECONDS = 365 * 86400


def language_in_browser() -> str:
    """Return the tag that this browser keeps; it may be anything."""
    chosen_now: str | None = g.get("grantwright_language")
    return request.cookies.get(_name(), "") if chosen_now is None else chosen_now


def keep_in_browser(response: Response, language: str) -> None:
    """Have this browser keep a language for a year."""
    g.grantwright_language = language
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.set_cookie(_name(), language, MAX_AGE_SECONDS, path="/", secure=secure, httponly=True, samesite="Lax")


def forget_in_browser(response: Response) -> None:
    g.grantwright_language = ""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    response.delete_cookie(_name(), path="/", secure=secure, httponly=True, samesite="Lax")


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}_language"
