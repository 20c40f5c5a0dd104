"""Recognizing a browser in which an account has logged in before: a signed cookie, no row.

Wrong passwords from such a browser are counted by themselves, so that a stranger who keeps guessing elsewhere cannot
keep the account's owner out.
"""

from __future__ import annotations

import hashlib
from typing import Any

from flask import current_app, request
from itsdangerous import BadData
from werkzeug.wrappers import Response

from ...identifiers import new_identifier
from ..browser.timed_signatures import TimedSerializer
from ..current.authorization_server import authorization_server

COOKIE = "__Host-grantwright-known"
MAX_AGE_SECONDS = 180 * 86400
MAX_ACCOUNTS = 5


def known_browser(user_id: str) -> str:
    """Return this browser's own random name if the account was logged in with it before, else nothing."""
    browser, accounts = _read()
    return browser if _digest(user_id) in accounts else ""


def remember_browser(response: Response, user_id: str) -> None:
    """Have the browser remember, for half a year, that this account was logged in with it.

    Not in the demo, which counts no wrong passwords.
    """
    if authorization_server().settings.demo:
        return
    browser, accounts = _read()
    digests = [_digest(user_id), *(digest for digest in accounts if digest != _digest(user_id))][:MAX_ACCOUNTS]
    value = _serializer().dumps([browser or new_identifier(), digests])
    response.set_cookie(COOKIE, value, MAX_AGE_SECONDS, path="/", secure=True, httponly=True, samesite="Lax")


def _read() -> tuple[str, list[str]]:
    try:
        browser, accounts = _serializer().loads(request.cookies.get(COOKIE, ""), max_age=MAX_AGE_SECONDS)
    except BadData:
        return "", []
    return browser, accounts


def _digest(user_id: str) -> str:
    """Return an account's identifier in the cookie, which doesn't reveal who logs in here.

    It's that of the account, whose id is never given again: a username may become somebody else's.
    """
    return hashlib.sha256(f"{current_app.config['SECRET_KEY']}:{user_id}".encode()).hexdigest()[:22]


def _serializer() -> Any:
    return TimedSerializer(current_app.config["SECRET_KEY"], salt="grantwright-browser-of-account")
