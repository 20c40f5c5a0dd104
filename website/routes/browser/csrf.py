"""Protection of forms against other sites: a token in each form, and the Origin if the browser sends one."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request, session
from flask_wtf.csrf import CSRFError, CSRFProtect

from ...identifiers import new_secret
from ..current.authorization_server import authorization_server
from .timed_signatures import TimedSerializer

#: Flask-WTF's.
SALT = "wtf-csrf-token"
MAX_KEYS = 8


class FormProtection(CSRFProtect):
    """Flask-WTF's protection, which also holds the Origin header against our own."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        app.jinja_env.globals["csrf_token"] = csrf_token
        app.context_processor(lambda: {"csrf_token": csrf_token})

    def protect(self, apply_exemptions: bool = False) -> None:
        """Raise ``CSRFError`` (400) unless this request comes from a form of ours, seen in this browser."""
        super().protect(apply_exemptions=apply_exemptions)
        origin = request.headers.get("Origin") if g.get("csrf_valid") else None
        if origin is not None and origin.lower() != own_origin():
            raise CSRFError("The form was sent from another site.")


def csrf_token() -> str:
    """Return the token for the forms of this page: Flask-WTF's, which makes a new serializer for each page."""
    name = current_app.config["WTF_CSRF_FIELD_NAME"]
    token: str | None = g.get(name)
    if token is None:
        key = current_app.config.get("WTF_CSRF_SECRET_KEY") or current_app.secret_key
        value = session.get(name) or session.setdefault(name, new_secret())
        token = _serializer(key).dumps(value)
        setattr(g, name, token)
    return token


@lru_cache(MAX_KEYS)
def _serializer(key: str | bytes) -> TimedSerializer:
    return TimedSerializer(key, salt=SALT)


def comes_from_own_page() -> bool:
    """Tell whether the browser says that a page of this server sent the request; a page elsewhere cannot say it."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is None:
        return site == "same-origin"
    return origin.lower() == own_origin() and site in (None, "same-origin")


def own_origin() -> str:
    """Return scheme and host of this server, as a browser writes them in Origin."""
    parts = urlsplit(authorization_server().issuer_of(request.environ))
    return f"{parts.scheme}://{parts.netloc}".lower()


csrf = FormProtection()
