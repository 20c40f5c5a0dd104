"""The security headers of every page."""

from __future__ import annotations

import secrets

from flask import Flask, g, request
from werkzeug.wrappers import Response

from ...redirect_uris import origin_of

Headers = tuple[tuple[str, str], ...]
NO_SNIFFING, NO_STORE = ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store")
NO_FRAMES = ("X-Frame-Options", "DENY")
HEADERS: Headers = (
    # With no-referrer, browsers would send our own forms with "Origin: null", which csrf.py refuses.
    ("Referrer-Policy", "same-origin"),
    NO_SNIFFING,
    NO_FRAMES,
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
FRAMEABLE_HEADERS = tuple(header for header in HEADERS if header is not NO_FRAMES)
CONTENT_SECURITY_POLICY = "Content-Security-Policy"
#: What a browser may keep: our files, and those of the operator's look.
STATIC_FILES = ("static", "look.static")


def register(app: Flask) -> None:
    app.after_request(add_headers)
    app.jinja_env.globals["csp_nonce"] = csp_nonce


def csp_nonce() -> str:
    """Return the nonce that lets our one script run on this page."""
    nonce: str | None = g.get("csp_nonce")
    if nonce is None:
        nonce = g.csp_nonce = _new_nonce()
    return nonce


def let_forms_end_at_client() -> None:
    """Leave form-action out: Chromium applies it to every redirect after a form, the client's own included."""
    g.forms_end_at_client = True


def let_page_fetch() -> None:
    """Let the script of this page fetch from this server."""
    g.may_fetch = True


def let_page_have_frames(addresses: list[str]) -> None:
    """Let this page show other sites' addresses in frames."""
    g.frame_origins = sorted({origin for address in addresses if (origin := origin_of(address))})


def let_anybody_frame_page() -> None:
    """Let any site show this page in a frame: one on which nothing can be pressed."""
    g.may_be_framed = True


def add_headers(response: Response) -> Response:
    """Add what a browser is told about a page; an answer of the API is none."""
    headers = response.headers
    existing = {name.lower() for name, _value in headers}
    for name, value in _list_headers(response):
        if name.lower() not in existing:
            headers.add(name, value)
    return response


def headers_of_redirect() -> Headers:
    """Return the headers of a redirect to a client that no page was asked about."""
    return (*HEADERS, (CONTENT_SECURITY_POLICY, _write_policy(_new_nonce())))


def _list_headers(response: Response) -> Headers:
    if response.headers.get("Content-Type", "").partition(";")[0] == "application/json":
        headers: Headers = (NO_SNIFFING,)
    else:
        usual = FRAMEABLE_HEADERS if g.get("may_be_framed") else HEADERS
        headers = (*usual, (CONTENT_SECURITY_POLICY, _content_security_policy()))
    return headers if request.endpoint in STATIC_FILES else (*headers, NO_STORE)


def _content_security_policy() -> str:
    policy = _write_policy(
        csp_nonce(),
        frame_ancestors="*" if g.get("may_be_framed") else "'none'",
        connect="'self'" if g.get("may_fetch") else "'none'",
    )
    frames = g.get("frame_origins")
    if frames:
        policy += f"; frame-src {' '.join(frames)}"
    if request.blueprint not in ("authorize", "end_session") and not g.get("forms_end_at_client"):
        policy += "; form-action 'self'"
    return policy


def _write_policy(nonce: str, frame_ancestors: str = "'none'", connect: str = "'none'") -> str:
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'"
        f"; script-src 'nonce-{nonce}'; connect-src {connect}; base-uri 'none'; frame-ancestors {frame_ancestors}"
    )


def _new_nonce() -> str:
    return secrets.token_urlsafe(16)
