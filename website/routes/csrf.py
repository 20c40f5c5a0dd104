"""Protection of forms against other sites: a token in each form, and the Origin if the browser sends one."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import g, request
from flask_wtf.csrf import CSRFError, CSRFProtect

from .authorization_server import authorization_server


class FormProtection(CSRFProtect):
    """Flask-WTF's protection, which also holds the Origin header against our own."""

    def protect(self, apply_exemptions: bool = False) -> None:
        """Raise ``CSRFError`` (400) unless this request comes from a form of ours, seen in this browser."""
        super().protect(apply_exemptions=apply_exemptions)
        origin = request.headers.get("Origin")
        if g.get("csrf_valid") and origin is not None and origin.lower() != own_origin():
            raise CSRFError("The form was sent from another site.")


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
