"""Client registration management (:rfc:`7592`): a client reads, replaces and deletes its own registration.

https://www.rfc-editor.org/rfc/rfc7592

It uses the registration access token from its registration, which only works for this client. The operator's decisions
about a client aren't part of its registration and stay as they are.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7591 import InvalidClientMetadataError

from ...clients import Client, ClientChangedError
from ...clients.client_events import ITSELF
from ...settings import OFF, Settings
from ..endpoint_addresses import ANY
from ..errors import NO_STORE, RegistrationTokenError, Response, json_response
from ..rate_limits import REGISTER
from ..registration_requests import (
    MANAGEMENT,
    charge_token,
    check_address,
    describe_client,
    is_token_of,
    read_bearer,
    read_metadata,
)
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ()

#: The members that only this server sets (section 2.2).
OURS = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


class ClientConfigurationEndpoint:
    """Handles a client's requests about its own registration."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def show_client(self, request: OAuth2Request) -> Response:
        """Handle a read request (section 2.1). The response has no secret, as only its hash is stored."""
        client, token = self._find(request)
        return json_response(200, describe_client(self._server, request, client, None, token))

    def replace_client(self, request: OAuth2Request) -> Response:
        """Handle an update request (section 2.2): missing fields are removed. Raises ``OAuth2Error``."""
        client, token = self._find(request)
        self._check_own_members(request, client)
        metadata = read_metadata(self._server, request, client)
        try:
            secret = self._server.clients.replace_metadata(client, metadata, by=ITSELF)
        except ClientChangedError:
            self._find(request)  # which refuses it if it was disabled or deleted
            raise InvalidRequestError("The client was changed meanwhile. Send the update again.") from None
        changed = self._server.clients.find_fresh(client.client_id)
        if changed is None:
            raise RegistrationTokenError("The registration no longer exists.")
        return json_response(200, describe_client(self._server, request, changed, secret, token))

    def delete_client(self, request: OAuth2Request) -> Response:
        """Handle a delete request (section 2.3): also deletes the client's tokens, codes and consents."""
        client, token = self._find(request)
        self._server.clients.delete(client.id, by=ITSELF)
        return Response(204, NO_STORE)

    def _find(self, request: OAuth2Request) -> tuple[Client, str]:
        """Return the client of the URL and its token. Raises :class:`RegistrationTokenError`.

        An unknown client, a disabled one, and another client's token get the same error (section 3).
        """
        token = read_bearer(request.authorization)
        if token is None:
            check_address(request)
            raise RegistrationTokenError("Send the client's registration access token.")
        client = self._server.clients.find_fresh(request.environ["PATH_INFO"].rpartition("/")[2])
        if client is None or not is_token_of(client, token):
            check_address(request)
            raise RegistrationTokenError("The registration access token is not valid for this registration.")
        charge_token(self._server, request, REGISTER, token)
        return client, token

    def _check_own_members(self, request: OAuth2Request, client: Client) -> None:
        """Check that the client_id is right, and that the client sets no members that only this server sets."""
        document = request.document
        if document.get("client_id") != client.client_id:
            raise InvalidRequestError("Send the client_id of this registration.")
        names = [name for name in OURS if name in document]
        if names:
            raise InvalidRequestError(f"Leave out the members that only this server sets: {', '.join(names)}.")
        secret = document.get("client_secret")
        if secret is not None and not (isinstance(secret, str) and client.check_client_secret(secret)):
            raise InvalidClientMetadataError("client_secret: It must be the current one; you can't choose it.")


def register(server: AuthorizationServer, settings: Settings) -> None:
    if settings.registration == OFF:
        return
    endpoint = ClientConfigurationEndpoint(server)
    methods = {"GET": endpoint.show_client, "PUT": endpoint.replace_client, "DELETE": endpoint.delete_client}
    server.registry.add_address(MANAGEMENT, "manage_client", methods, takes_json=True, cors=ANY)
