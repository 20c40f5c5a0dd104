"""The security headers of every page."""

from __future__ import annotations

import secrets

from flask import Flask, g, request
from werkzeug.wrappers import Response

from ..redirect_uris import origin_of

HEADERS = {
    # With no-referrer, browsers would send our own forms with "Origin: null", which csrf.py refuses.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
#: What a browser may keep: our files, and those of the operator's look.
STATIC_FILES = ("static", "look.static")


def register(app: Flask) -> None:
    app.after_request(add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


def csp_nonce() -> str:
    """Return the nonce that lets our one script run on this page."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return g.csp_nonce


def let_forms_end_at_client() -> None:
    """Leave form-action out: Chromium applies it to every redirect after a form, the client's own included."""
    g.forms_end_at_client = True


def let_page_have_frames(addresses: list[str]) -> None:
    """Let this page show other sites' addresses in frames."""
    g.frame_origins = sorted({origin for address in addresses if (origin := origin_of(address))})


def let_anybody_frame_page() -> None:
    """Let any site show this page in a frame: one on which nothing can be pressed."""
    g.may_be_framed = True


def add_headers(response: Response) -> Response:
    """Add what a browser is told about a page; an answer of the API is none."""
    if response.mimetype != "application/json":
        for name, value in HEADERS.items():
            if name != "X-Frame-Options" or not g.get("may_be_framed"):
                response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", _content_security_policy())
    else:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.endpoint not in STATIC_FILES:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _content_security_policy() -> str:
    sources = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        f"script-src 'nonce-{csp_nonce()}'",
        "connect-src 'none'",
        "base-uri 'none'",
        "frame-ancestors *" if g.get("may_be_framed") else "frame-ancestors 'none'",
    ]
    if g.get("frame_origins"):
        sources.append(f"frame-src {' '.join(g.frame_origins)}")
    if request.blueprint not in ("authorize", "end_session") and not g.get("forms_end_at_client"):
        sources.append("form-action 'self'")
    return "; ".join(sources)
