"""Requests to this server's own protocol endpoints, as a client sends them, answered in this process."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from flask import request

from ...clients import Client
from ...clients.client import BY_SECRET
from ...oauth2.errors import Response, json_error
from ...oauth2.rate_limits import TOKEN
from ...oauth2.requests import FORM_URLENCODED
from ...request_context import Environ
from ...wsgi.endpoints import Endpoints
from ..current.authorization_server import authorization_server

#: What the browser sent to the page is none of the client's request.
_OF_THE_PAGE = ("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_TRANSFER_ENCODING")


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request that a client sends to an endpoint."""

    method: str
    #: The endpoint's metadata, such as ``token_endpoint``.
    endpoint: str
    fields: tuple[tuple[str, str], ...] = ()
    authorization: str = ""

    def send(self) -> Response:
        """Answer the request as the endpoint does. It counts against the limit of the person's address."""
        server = authorization_server()
        address = server.registry.addresses.find(server.registry.named_addresses[self.endpoint])
        environ = self._environ(address.path if address else "")
        wait = server.rate_limits.charge_address(environ, TOKEN)
        if wait:
            text = f"Too many requests came from your address. Wait {wait} seconds and try again."
            return json_error(429, "temporarily_unavailable", text)
        answer = Endpoints(server).answer(environ, address)
        return answer or json_error(404, "not_found", "This endpoint is switched off.")

    def _environ(self, path: str) -> Environ:
        body = urlencode(self.fields).encode()
        environ = {name: value for name, value in request.environ.items() if name not in _OF_THE_PAGE}
        environ |= {
            "REQUEST_METHOD": self.method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "CONTENT_LENGTH": str(len(body)) if body else "",
            "CONTENT_TYPE": FORM_URLENCODED if body else "",
            "wsgi.input": io.BytesIO(body),
        }
        if self.authorization:
            environ["HTTP_AUTHORIZATION"] = self.authorization
        return environ


def token_request(client: Client, fields: dict[str, str], secret: str) -> ClientRequest:
    """Return a client's token request, authenticated by its registered method (:rfc:`6749#section-2.3`)."""
    pairs = [*fields.items()]
    method = client.token_endpoint_auth_method
    if method == "client_secret_basic":
        pair = f"{quote(client.client_id, '')}:{quote(secret, '')}".encode()
        return ClientRequest("POST", "token_endpoint", tuple(pairs), f"Basic {base64.b64encode(pair).decode()}")
    pairs.append(("client_id", client.client_id))
    if method in BY_SECRET:
        pairs.append(("client_secret", secret))
    return ClientRequest("POST", "token_endpoint", tuple(pairs))


def userinfo_request(access_token: str) -> ClientRequest:
    """Return the request for the claims about a token's person (OpenID Connect Core 1.0, section 5.3)."""
    return ClientRequest("GET", "userinfo_endpoint", authorization=f"Bearer {access_token}")
