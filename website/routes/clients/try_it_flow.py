"""A flow that a person tries out: what its client has to remember, kept in the session of their browser.

The session's cookie is signed and can't be read by scripts or other sites. A logout ends the flow; a login on its way,
of the same person or another, doesn't.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from hmac import compare_digest

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import session

from ... import scopes
from ...clients import Client
from ...clients.client import BY_SECRET
from ..current.login_session import TRIED_FLOW_KEY
from .try_it_callback import callback_uri, is_on, lists_callback


@dataclass(frozen=True, slots=True)
class TriedFlow:
    """One code flow of a client, from its authorization request to its tokens."""

    row_id: str
    redirect_uri: str
    state: str
    code_verifier: str
    #: Empty without ``openid``.
    nonce: str
    #: Whether its code was exchanged: a code works once.
    is_over: bool = False

    def parameters(self, client: Client) -> dict[str, str]:
        """Return its authorization request (:rfc:`6749#section-4.1.1`), with PKCE."""
        pairs = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scopes.join(client.scope),
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": create_s256_code_challenge(self.code_verifier),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in pairs.items() if value}

    def is_answered_by(self, state: str | None) -> bool:
        """Tell whether a response has this flow's state, which only this browser knows."""
        return compare_digest(self.state.encode(), (state or "").encode())


def find_hindrance(client: Client) -> str:
    """Return why a client's code flow can't be run here, by a name that its page explains; empty if it can."""
    method = client.token_endpoint_auth_method
    if "authorization_code" not in client.grant_types or not client.check_response_type("code"):
        return "grant"
    if not is_on():
        return "off"
    if not client.is_enabled:
        return "disabled"
    if method not in ("none", *BY_SECRET) or client.metadata.get("require_signed_request_object"):
        return "key"
    return "" if lists_callback(client) else "callback"


def can_be_tried(client: Client) -> bool:
    """Tell whether a client's code flow can be run here."""
    return not find_hindrance(client)


def begin_flow(client: Client) -> TriedFlow:
    """Begin a flow in this browser; it replaces any other."""
    nonce = secrets.token_urlsafe(16) if scopes.OPENID in client.scope else ""
    flow = TriedFlow(client.id, callback_uri(), secrets.token_urlsafe(24), secrets.token_urlsafe(32), nonce)
    session[TRIED_FLOW_KEY] = asdict(flow)
    return flow


def current_flow() -> TriedFlow | None:
    """Return the flow of this browser."""
    kept = session.get(TRIED_FLOW_KEY)
    try:
        return TriedFlow(**kept) if isinstance(kept, dict) else None
    except TypeError:
        return None  # another release's


def end_flow(flow: TriedFlow) -> None:
    """Keep a flow only for reading its tokens: its code is used up."""
    session[TRIED_FLOW_KEY] = asdict(replace(flow, code_verifier="", is_over=True))
