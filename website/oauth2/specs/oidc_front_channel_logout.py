"""Front-Channel Logout 1.0: the page after a logout opens an address of each client in a frame of the same browser.

https://openid.net/specs/openid-connect-frontchannel-1_0.html

Where browsers keep a site's cookies from frames of other sites, the client sees none of its own: then it needs the
back channel. Logins that end in any other way than by a person in this browser are told of by the back channel alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import redirect_uris
from ...clients.field_checks import boolean, browser_url
from ...models.client_session import ClientSession
from ...settings import Settings
from ..server import AuthorizationServer

URI_FIELD, SESSION_FIELD = "frontchannel_logout_uri", "frontchannel_logout_session_required"


class LogoutFrames:
    """Finds what has to be opened in frames."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def __call__(self, session: str) -> list[str]:
        """Return the addresses of the clients that know of a login (section 2)."""
        found = (self._address_at(known) for known in self._server.client_sessions.list_of(session))
        return [address for address in found if address is not None]

    def _address_at(self, known: ClientSession) -> str | None:
        client = self._server.clients.find_by_id(known.client)
        address = client.metadata.get(URI_FIELD) if client is not None else None
        if client is None or address is None:
            return None
        if not client.metadata.get(SESSION_FIELD):
            return str(address)
        return redirect_uris.with_query(address, {"iss": known.issuer, "sid": known.sid})


def _check_uri(value: Any, metadata: Mapping[str, Any]) -> str:
    """Check a ``frontchannel_logout_uri``: it is of the same origin as a redirect URI (section 2)."""
    problem = browser_url(value, metadata)
    if problem:
        return problem
    if redirect_uris.origin_of(value) not in map(redirect_uris.origin_of, metadata.get("redirect_uris", ())):
        return "It has scheme, host and port of a redirect URI."
    return ""


def register(server: AuthorizationServer, settings: Settings) -> None:
    if server.write_id_token is None or server.has_external_users:
        return  # no client knows of any login; or the page that logs out is another application's
    server.logout_frames = LogoutFrames(server)
    server.session_fields.add(URI_FIELD)
    server.add_client_field(URI_FIELD, _check_uri)
    server.add_client_field(SESSION_FIELD, boolean)
    server.add_metadata(frontchannel_logout_supported=True, frontchannel_logout_session_supported=True)
