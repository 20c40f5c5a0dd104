"""Client registration management (:rfc:`7592`): a client reads, replaces and deletes its own registration.

https://www.rfc-editor.org/rfc/rfc7592

By the registration access token that it got with its registration, and nothing of any other client's. What an
administrator decided about a client is no part of it, and stays as it is.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7591 import InvalidClientMetadataError

from ...clients import Client
from ...clients.events import ITSELF
from ...clients.origins import ANY
from ...settings import OFF, Settings
from ..errors import NO_STORE, RegistrationTokenError, Response, json_response
from ..rate_limits import REGISTER
from ..registration import (
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

#: What this server says of a registration, and no client may (section 2.2).
OURS = ("registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at")


class ClientConfigurationEndpoint:
    """Answers what a client asks about its own registration."""

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def show_client(self, request: OAuth2Request) -> Response:
        """Answer a read request (section 2.1). The secret is not in it: only its hash is kept."""
        client, token = self._find(request)
        return json_response(200, describe_client(self._server, request, client, None, token))

    def replace_client(self, request: OAuth2Request) -> Response:
        """Answer an update request (section 2.2): what it leaves out is gone. Raises ``OAuth2Error``."""
        client, token = self._find(request)
        self._check_own_members(request, client)
        metadata = read_metadata(self._server, request, client)
        secret = self._server.clients.replace_metadata(client.id, metadata, by=ITSELF)
        changed = self._server.clients.find_fresh(client.client_id)
        if changed is None:
            raise RegistrationTokenError("The registration is gone.")
        return json_response(200, describe_client(self._server, request, changed, secret, token))

    def delete_client(self, request: OAuth2Request) -> Response:
        """Answer a delete request (section 2.3): every token, code and consent of the client goes with it."""
        client, token = self._find(request)
        self._server.clients.delete(client.id, by=ITSELF)
        return Response(204, NO_STORE)

    def _find(self, request: OAuth2Request) -> tuple[Client, str]:
        """Return the client of the address, and the token that is its. Raises :class:`RegistrationTokenError`.

        No client, one that is disabled, and another one's token look the same (section 3).
        """
        token = read_bearer(request.authorization)
        if token is None:
            check_address(request)
            raise RegistrationTokenError("Send the registration access token of the client.")
        client = self._server.clients.find_fresh(request.environ["PATH_INFO"].rpartition("/")[2])
        if client is None or not is_token_of(client, token):
            check_address(request)
            raise RegistrationTokenError("The registration access token does not open this registration.")
        charge_token(self._server, request, REGISTER, token)
        return client, token

    def _check_own_members(self, request: OAuth2Request, client: Client) -> None:
        """See that the client names itself, and says nothing that is this server's to say."""
        document = request.document
        if document.get("client_id") != client.client_id:
            raise InvalidRequestError("The client_id has to be there, and be the one of this registration.")
        said = [name for name in OURS if name in document]
        if said:
            raise InvalidRequestError(f"Leave out what only this server can say: {', '.join(said)}.")
        secret = document.get("client_secret")
        if secret is not None and not (isinstance(secret, str) and client.check_client_secret(secret)):
            raise InvalidClientMetadataError("client_secret: It is not the present one, and cannot be chosen.")


def register(server: AuthorizationServer, settings: Settings) -> None:
    if settings.registration == OFF:
        return
    endpoint = ClientConfigurationEndpoint(server)
    methods = {"GET": endpoint.show_client, "PUT": endpoint.replace_client, "DELETE": endpoint.delete_client}
    server.register_address(MANAGEMENT, "manage_client", methods, takes_json=True, cors=ANY)
