"""Rejecting requests before routing: ambiguous paths, plain HTTP, remote access to the demo, rate limits."""

from __future__ import annotations

import html
from dataclasses import replace

from ..oauth2.endpoint_addresses import Address, folder_of
from ..oauth2.errors import Response, json_error
from ..oauth2.rate_limits import AUTHORIZE, DEVICE, LOGIN, REGISTER, TOKEN
from ..oauth2.requests import MAX_QUERY_CHARACTERS
from ..oauth2.server import AuthorizationServer
from ..request_context import Environ, is_local
from ..request_path import MAX_PATH_CHARACTERS
from ..users.password_queue import BUSY_SECONDS, password_queue
from .https_requirement import INSECURE_IN_DEMO, find_insecure_transport

LOGIN_PATH = "/"
#: The forms whose passwords are hashed: they are counted as logins.
PASSWORD_PATHS = frozenset((LOGIN_PATH, "/set_password", "/account/password", "/account/delete"))
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>
:root{{color-scheme:light dark}} body{{font:1.05rem/1.6 system-ui,sans-serif;max-width:36rem;margin:12vh auto}}
body{{padding:0 1.25rem}} pre{{padding:.8rem 1rem;border:1px solid #8886;border-radius:.5rem;overflow-x:auto}}
</style><main><h1>{title}</h1>{text}</main></html>"""


class Admission:
    """Decides which requests one server accepts."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server
        addresses = server.registry.named_addresses
        limits = {
            "token_endpoint": TOKEN, "authorization_endpoint": AUTHORIZE, "registration_endpoint": REGISTER,
            "device_authorization_endpoint": DEVICE,
        }  # fmt: skip
        limits = {name: limit for name, limit in limits.items() if server.rate_limits.counts_addresses(limit)}
        self._limited = {addresses[name]: limit for name, limit in limits.items() if name in addresses}
        if "registration_endpoint" in addresses and "registration_endpoint" in limits:
            self._limited[f"{addresses['registration_endpoint']}/"] = REGISTER  # and each registration under it

    def find_refusal(self, environ: Environ, address: Address | None, *, is_plain: bool) -> Response | None:
        """Return the response to a rejected request, or ``None`` if it is accepted.

        ``is_plain`` says whether its path is unambiguous.
        """
        server, settings = self._server, self._server.settings
        is_endpoint = address is not None and bool(address.handlers)
        path = environ["PATH_INFO"]
        if len(path) > MAX_PATH_CHARACTERS or len(environ.get("QUERY_STRING", "")) > MAX_QUERY_CHARACTERS:
            return _refuse(environ, is_endpoint, 414, "invalid_request", "URL too long", "The URL is too long.")
        if not is_plain:
            text = "The path has an empty segment, a dot segment, a backslash or a control character."
            return _refuse(environ, is_endpoint, 404, "not_found", "Page not found", text)
        if not environ["REQUEST_METHOD"].isupper():  # some routers convert it to upper case, others don't
            text = "Write the request method in capital letters."
            return _refuse(environ, is_endpoint, 400, "invalid_request", "Malformed request", text)
        if settings.demo and not is_local(environ):
            text = "The demo can only be reached from this computer, at 127.0.0.1, [::1] or localhost."
            return _refuse(environ, is_endpoint, 403, "access_denied", "This is a demo", text)
        if text := find_insecure_transport(environ, settings):
            return _refuse(environ, is_endpoint, 400, "insecure_transport", "This server requires HTTPS", text)
        limit = self._find_limit(path, environ["REQUEST_METHOD"])
        wait = server.rate_limits.charge_address(environ, limit) if limit else 0
        # A valid registration token, checked later, isn't subject to the limit of its address.
        if wait and not (limit == REGISTER and "HTTP_AUTHORIZATION" in environ):
            text = "Too many requests came from your address. Wait a few seconds and try again."
            refusal = _refuse(environ, is_endpoint, 429, "temporarily_unavailable", "Too many requests", text)
            return replace(refusal, headers=(*refusal.headers, ("Retry-After", str(wait))))
        if limit == LOGIN and path == LOGIN_PATH and password_queue.is_full:
            # Here instead of on the login page, which takes twenty times as long: a flood of logins is rejected so.
            text = "Many people are logging in right now. Wait a moment and try again."
            refusal = _refuse(environ, is_endpoint, 503, "temporarily_unavailable", "Too many logins", text)
            return replace(refusal, headers=(*refusal.headers, ("Retry-After", BUSY_SECONDS)))
        return None

    def _find_limit(self, path: str, method: str) -> str | None:
        """Return the name of the limit for a normalized path (request_path.py)."""
        if path in PASSWORD_PATHS:
            return LOGIN if method not in ("GET", "HEAD", "OPTIONS") else None
        if not self._limited:
            return None
        return self._limited.get(path) or self._limited.get(folder_of(path))


def _refuse(environ: Environ, is_endpoint: bool, status: int, error: str, title: str, text: str) -> Response:
    if is_endpoint or "text/html" not in environ.get("HTTP_ACCEPT", ""):
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
