"""Owns what is turned away before anything looks at it: plain http, strangers at the demo, too much of anything."""

from __future__ import annotations

import html
from dataclasses import replace

from .oauth2.errors import Response, json_error
from .oauth2.requests import MAX_QUERY_CHARACTERS
from .oauth2.server import AuthorizationServer
from .rate_limits import AUTHORIZE, LOGIN, REGISTER, TOKEN, RateLimits
from .request_context import Environ, is_local

MAX_PATH_CHARACTERS = 2048
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>
:root{{color-scheme:light dark}} body{{font:1.05rem/1.6 system-ui,sans-serif;max-width:36rem;margin:12vh auto}}
body{{padding:0 1.25rem}} pre{{padding:.8rem 1rem;border:1px solid #8886;border-radius:.5rem;overflow-x:auto}}
</style><main><h1>{title}</h1>{text}</main></html>"""
INSECURE_IN_DEMO = (
    "This connection is plain http. On your own machine, stop the server and start it again with"
    " AUTHLIB_INSECURE_TRANSPORT=1 in its environment."
)
INSECURE_IN_PRODUCTION = (
    "This connection is plain http. Put a proxy with https in front and set OAUTH2_TRUSTED_PROXIES to their number."
)


class Guard:
    """Turns requests away at the door of one server."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        self._rate_limits = RateLimits(server.settings)
        addresses = server.named_addresses
        limits = {
            "token_endpoint": TOKEN, "authorization_endpoint": AUTHORIZE, "registration_endpoint": REGISTER,
        }  # fmt: skip
        self._limited = {addresses.get(name): limit for name, limit in limits.items()}

    def find_refusal(self, environ: Environ) -> Response | None:
        """Return the answer to a request that is turned away, or ``None`` for one that may come in."""
        server, settings = self._server, self._server.settings
        path = environ["PATH_INFO"]
        if len(path) > MAX_PATH_CHARACTERS or len(environ.get("QUERY_STRING", "")) > MAX_QUERY_CHARACTERS:
            return _refuse(environ, server, 414, "invalid_request", "Address too long", "The address is too long.")
        if "\0" in path:  # no address of ours has one, and PostgreSQL takes it in no value
            return _refuse(environ, server, 404, "not_found", "Nothing is here", "The address is malformed.")
        if settings.demo and not is_local(environ):
            text = "The demo answers only this machine, under 127.0.0.1, [::1] or localhost."
            return _refuse(environ, server, 403, "access_denied", "This is a demo", text)
        if environ["wsgi.url_scheme"] != "https" and not settings.insecure_transport:
            text = INSECURE_IN_DEMO if settings.demo else INSECURE_IN_PRODUCTION
            return _refuse(environ, server, 400, "insecure_transport", "This server needs https", text)
        limit = self._limited.get(path) or (LOGIN if path == "/" and environ["REQUEST_METHOD"] == "POST" else None)
        wait = self._rate_limits.wait_for(limit, environ.get("REMOTE_ADDR")) if limit else 0
        if wait:
            text = "Too many requests came from your address. Wait a few seconds and try again."
            refusal = _refuse(environ, server, 429, "temporarily_unavailable", "Too many requests", text)
            return replace(refusal, headers=(*refusal.headers, ("Retry-After", str(wait))))
        return None


def _refuse(environ: Environ, server: AuthorizationServer, status: int, error: str, title: str, text: str) -> Response:
    if environ["PATH_INFO"] in server.addresses or "text/html" not in environ.get("HTTP_ACCEPT", ""):
        return json_error(status, error, text)
    paragraphs = f"<p>{html.escape(text)}</p>"
    if text is INSECURE_IN_DEMO:
        paragraphs += "<pre>export AUTHLIB_INSECURE_TRANSPORT=1\nflask run</pre>"
    page = PAGE.format(title=html.escape(title), text=paragraphs)
    headers = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    )
    return Response(status, headers, page.encode())
