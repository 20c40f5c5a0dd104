"""Dynamic client registration (:rfc:`7591`): clients send their metadata and get a client_id.

https://www.rfc-editor.org/rfc/rfc7591, https://openid.net/specs/openid-connect-registration-1_0.html

OAUTH2_REGISTRATION decides whether it requires an initial access token. The fields get the same checks as when creating
a client in another way, but strangers have fewer choices. Software statements are ignored.
"""

from __future__ import annotations

from typing import Any

from ... import clock
from ...clients.client_events import ITSELF
from ...identifiers import REGISTRATION_ACCESS_TOKEN_PREFIX, hash_secret, new_secret
from ...settings import BY_TOKEN, INITIAL_ACCESS_TOKEN, OFF, Settings
from ..demo_registration_limits import check_demo_registration
from ..endpoint_addresses import ANY
from ..errors import RegistrationTokenError, Response, json_response
from ..registration_requests import (
    REGISTRATION,
    charge_token,
    check_address,
    describe_client,
    read_bearer,
    read_metadata,
)
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

HOW_TO_GET_ONE = (
    "Registering a client requires an initial access token. The server's operator creates one with: flask"
    " initial-access-tokens create. Send it as Authorization: Bearer TOKEN."
)
USED_UP = "The initial access token is invalid, expired, or used up. The server's operator can create another one."


class RegistrationEndpoint:
    """Registers clients."""

    def __init__(self, server: AuthorizationServer, settings: Settings) -> None:
        self._server = server
        self._needs_token = settings.registration == BY_TOKEN
        self._unused_seconds = settings.unused_client_seconds

    def __call__(self, request: OAuth2Request) -> Response:
        """Handle a registration (:rfc:`7591#section-3`). Raises ``OAuth2Error``."""
        initial = read_bearer(request.authorization)
        # Checked before the metadata, which may cause a fetch, but used up only afterwards.
        if initial is not None and self._server.clients.initial_access_tokens.is_usable(initial):
            charge_token(self._server, request, INITIAL_ACCESS_TOKEN, initial)
        else:
            check_address(request)
            if initial is not None:
                raise RegistrationTokenError(USED_UP)
            if self._needs_token:
                raise RegistrationTokenError(HOW_TO_GET_ONE)
            if self._server.settings.demo:
                check_demo_registration(self._server, request)
        metadata = read_metadata(self._server, request)
        if initial is not None and not self._server.clients.initial_access_tokens.use(initial):
            raise RegistrationTokenError(USED_UP)
        token = new_secret(REGISTRATION_ACCESS_TOKEN_PREFIX)
        client, secret = self._server.clients.create(
            metadata, None, by=ITSELF, registration_token_hash=hash_secret(token), **self._policy(initial)
        )
        return json_response(201, describe_client(self._server, request, client, secret, token))

    def _policy(self, initial: str | None) -> dict[str, Any]:
        """Return the columns of a client that registers itself: without an initial access token it may be pruned."""
        unused_until = clock.now() + self._unused_seconds if initial is None else None
        return {"is_self_registered": True, "unused_until": unused_until}


def register(server: AuthorizationServer, settings: Settings) -> None:
    if settings.registration == OFF:
        return
    methods = {"POST": RegistrationEndpoint(server, settings)}
    server.registry.add_address(
        REGISTRATION, "register_client", methods, metadata="registration_endpoint", takes_json=True, cors=ANY
    )
