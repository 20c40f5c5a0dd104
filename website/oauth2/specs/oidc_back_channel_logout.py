"""Back-Channel Logout 1.0: when a login session ends, this server notifies each of its clients, without the browser.

https://openid.net/specs/openid-connect-backchannel-1_0.html

This works however the session ended: ``sessions/client_sessions.py`` makes sure that no client is forgotten, and
``outbox/sender.py`` tries again for about ten hours. The logout token is created for each attempt, so that it is always
fresh.
"""

from __future__ import annotations

from ... import clock
from ...clients.field_checks import boolean, browser_url
from ...identifiers import new_identifier
from ...outbound_errors import OutboundError
from ...sessions.logout_outbox import LogoutOutbox
from ...sessions.logout_queue import Notice
from ...settings import Settings
from ..client_jwts import ClientJWTs
from ..server import AuthorizationServer

REQUIRES = ("oidc_core_id_token",)

URI_FIELD, SESSION_FIELD = "backchannel_logout_uri", "backchannel_logout_session_required"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPE = "logout+jwt"
LIFETIME_SECONDS = 120
#: A client responds with 200; 204 is fine too (section 2.8).
HEARD = (200, 204)


class LogoutTokens:
    """Sends logout tokens."""

    def __init__(self, server: AuthorizationServer, settings: Settings) -> None:
        self._server = server
        self._jwts = ClientJWTs(server, settings, "id_token")

    def send(self, notice: Notice) -> None:
        """Send a client its logout token (section 2.5). Raises ``OutboundError`` if it wasn't delivered."""
        client = self._server.clients.find_by_id(notice.client)
        uri = client.metadata.get(URI_FIELD) if client is not None else None
        if client is None or uri is None:
            return  # it is disabled, or doesn't want logout tokens
        now = clock.now()
        claims = {
            "iss": notice.issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": new_identifier(),
            "sub": notice.sub,
            "sid": notice.sid,
            "events": {EVENT: {}},
        }
        status = self._server.outbound.post_form(uri, {"logout_token": self._jwts.write(client, claims, TYPE)})
        if status not in HEARD:
            raise OutboundError(f"it returned {status}")


def register(server: AuthorizationServer, settings: Settings) -> None:
    def client_id_of(row_id: str) -> str:
        client = server.clients.find_by_id(row_id)
        return row_id if client is None else client.client_id

    notices = LogoutOutbox(server.sessions.logout_queue, LogoutTokens(server, settings).send, client_id_of)
    server.registry.add_logout_notices(notices)
    server.registry.add_session_field(URI_FIELD)
    server.registry.add_client_field(URI_FIELD, browser_url)
    server.registry.add_client_field(SESSION_FIELD, boolean)
    server.registry.add_metadata(backchannel_logout_supported=True, backchannel_logout_session_supported=True)
