"""Front-Channel Logout 1.0: after a logout, the page opens a URL of each client in a frame.

https://openid.net/specs/openid-connect-frontchannel-1_0.html

In browsers that block third-party cookies, the client doesn't get its own cookies and needs the back channel. If a
login session ends in any other way than by logging out in this browser, only the back channel is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import redirect_uris
from ...clients.field_checks import boolean, browser_url
from ...models.client_session import ClientSession
from ...settings import Settings
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_id_token",)

URI_FIELD, SESSION_FIELD = "frontchannel_logout_uri", "frontchannel_logout_session_required"


class LogoutFrames:
    """Finds the URLs to open in frames."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def __call__(self, session: str) -> list[str]:
        """Return the logout URLs of the clients in a login session (section 2)."""
        found = (self._address_at(client_session) for client_session in self._server.sessions.clients.list_of(session))
        return [address for address in found if address is not None]

    def _address_at(self, client_session: ClientSession) -> str | None:
        client = self._server.clients.find_by_id(client_session.client)
        address = client.metadata.get(URI_FIELD) if client is not None else None
        if client is None or address is None:
            return None
        if not client.metadata.get(SESSION_FIELD):
            return str(address)
        return redirect_uris.with_query(address, {"iss": client_session.issuer, "sid": client_session.sid})


def _check_uri(value: Any, metadata: Mapping[str, Any]) -> str:
    """Check a ``frontchannel_logout_uri``: it must have the same origin as a redirect URI (section 2)."""
    problem = browser_url(value, metadata)
    if problem:
        return problem
    if redirect_uris.origin_of(value) not in map(redirect_uris.origin_of, metadata.get("redirect_uris", ())):
        return "It must have the scheme, host and port of a redirect URI."
    return ""


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.accounts.are_external:
        return  # the logout page is another application's
    server.registry.add_logout_frames(LogoutFrames(server))
    server.registry.add_session_field(URI_FIELD)
    server.registry.add_client_field(URI_FIELD, _check_uri)
    server.registry.add_client_field(SESSION_FIELD, boolean)
    server.registry.add_metadata(frontchannel_logout_supported=True, frontchannel_logout_session_supported=True)
