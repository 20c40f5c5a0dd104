"""Session Management 1.0: a client's page asks a frame of this server whether the login is still the one it knows.

https://openid.net/specs/openid-connect-session-1_0.html

The authorization response brings ``session_state``, a hash over the client, the origin of its page and the state of the
browser. That state is a cookie which the script of the frame reads: it stands for the login and cannot be used as one.
Where browsers keep a site's cookies from frames of other sites, the frame always says that something changed.
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

CHECK_SESSION_IFRAME = "/oauth/check_session"


def browser_state_of(login: CurrentLoginSession) -> str:
    """Return what the browser keeps of its login for the frame to read; another one leads to no login back."""
    return _encode(f"browser state {login.token_hash}")


def session_state(client_id: str, origin: str, browser_state: str, salt: str) -> str:
    """Return what a client's page shows the frame (section 4.2). ``static/check-session.js`` computes the same."""
    return f"{_encode(f'{client_id} {origin} {browser_state} {salt}')}.{salt}"


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _find_session_state(request: OAuth2Request) -> tuple[str, str] | None:
    """Return the parameter of an authorization response that gives something to a page on the web (section 3)."""
    if request.login is None or scopes.OPENID not in scopes.split(request.scope):
        return None
    uri = request.payload.redirect_uri or request.client.get_default_redirect_uri() or ""
    origin = redirect_uris.origin_of(uri)
    if origin is None:
        return None
    state = browser_state_of(request.login)
    return "session_state", session_state(request.client.client_id, origin, state, new_identifier())


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None or server.has_external_users:
        return  # no client knows of any login; or the login, and its end, are another application's
    server.name_address("check_session_iframe", CHECK_SESSION_IFRAME)
    server.authorization_responses.add_parameter(_find_session_state)
