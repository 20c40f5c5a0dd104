"""Owns the protection of forms against other sites: a token in each form, and the Origin where a browser sends it."""

from __future__ import annotations

from io import BytesIO
from urllib.parse import urlsplit

from flask import Flask, current_app, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect


class FormProtection(CSRFProtect):
    """Flask-WTF's protection, which also holds the Origin header against our own."""

    def init_app(self, app: Flask) -> None:
        super().init_app(app)
        app.before_request(keep_decision_readable)

    def protect(self, apply_exemptions: bool = False) -> None:
        """Raise ``CSRFError`` (400) unless this request comes from a form of ours, seen in this browser."""
        super().protect(apply_exemptions=apply_exemptions)
        origin = request.headers.get("Origin")
        if g.get("csrf_valid") and origin is not None and origin.lower() != own_origin():
            raise CSRFError("The form was sent from another site.")


def keep_decision_readable() -> None:
    """Let the body of a posted decision be read twice: strictly by the protocol, and for the token by Flask-WTF.

    A second read of the connection itself would wait for bytes that never come.
    """
    if request.endpoint == "authorize.receive_authorization":
        request.environ["wsgi.input"] = BytesIO(request.get_data(cache=True))


def own_origin() -> str:
    """Return scheme and host of this server, as a browser writes them in Origin."""
    parts = urlsplit(current_app.extensions["grantwright"].issuer_of(request.environ))
    return f"{parts.scheme}://{parts.netloc}".lower()


csrf = FormProtection()
