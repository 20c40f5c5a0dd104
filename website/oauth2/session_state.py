"""Owns the state of a browser's login as a client's page may ask about it, and what the page shows for that.

OpenID Connect Session Management 1.0, sections 3 and 4.
"""

from __future__ import annotations

import base64
import hashlib

from ..sessions import CurrentLoginSession

CHECK_SESSION_IFRAME = "/oauth/check_session"


def browser_state_of(login: CurrentLoginSession) -> str:
    """Return what the browser keeps of its login for the frame to read; another one leads to no login back."""
    return _encode(f"browser state {login.token_hash}")


def session_state(client_id: str, origin: str, browser_state: str, salt: str) -> str:
    """Return what a client's page shows the frame (section 4.2). ``static/check-session.js`` computes the same."""
    return f"{_encode(f'{client_id} {origin} {browser_state} {salt}')}.{salt}"


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
