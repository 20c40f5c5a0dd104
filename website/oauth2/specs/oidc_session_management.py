"""Session Management 1.0: a client's page asks a frame of this server whether the login session has changed.

https://openid.net/specs/openid-connect-session-1_0.html

The authorization response includes ``session_state``, a hash of the client, the origin of its page and the browser
state. That state is a cookie for the frame's script, derived from the login session but useless for logging in. In
browsers that block third-party cookies, the frame always reports a change.
"""

from __future__ import annotations

import base64
import hashlib

from ... import redirect_uris, scopes
from ...identifiers import new_identifier
from ...sessions import CurrentLoginSession
from ...settings import Settings
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_id_token",)

CHECK_SESSION_IFRAME = "/oauth/check_session"


def browser_state_of(login: CurrentLoginSession) -> str:
    """Return the value of the cookie for the frame; it can't be traced back to the login session's cookie."""
    return _encode(f"browser state {login.token_hash}")


def session_state(client_id: str, origin: str, browser_state: str, salt: str) -> str:
    """Return the value that a client's page sends to the frame (section 4.2), as in ``static/check-session.js``."""
    return f"{_encode(f'{client_id} {origin} {browser_state} {salt}')}.{salt}"


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _find_session_state(request: OAuth2Request) -> tuple[str, str] | None:
    """Return the parameter for a successful authorization response to a web page (section 3)."""
    if request.login is None or scopes.OPENID not in scopes.split(request.scope):
        return None
    uri = request.payload.redirect_uri or request.client.get_default_redirect_uri() or ""
    origin = redirect_uris.origin_of(uri)
    if origin is None:
        return None
    state = browser_state_of(request.login)
    return "session_state", session_state(request.client.client_id, origin, state, new_identifier())


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.accounts.are_external:
        return  # logins belong to another application
    server.registry.add_page(CHECK_SESSION_IFRAME, "check_session", metadata="check_session_iframe", methods=("GET",))
    server.registry.add_response_parameter(_find_session_state)
