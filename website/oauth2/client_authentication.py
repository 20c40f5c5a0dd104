"""Client authentication (:rfc:`6749#section-2.3`): exactly one method per request, the registered one.

The response never says why it failed; the log does, for the operator.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NoReturn

from authlib.oauth2.rfc6749 import InvalidRequestError

from ..clients import Client, Clients
from ..clients.secret_comparison import is_valid_secret
from ..logs import get_logger
from ..request_context import request_origin
from .errors import ClientAuthenticationError
from .form_encoding import decode_form_text
from .requests import OAuth2Request
from .spec_interfaces import ClientAuthenticationMethod

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
UNKNOWN = "unknown or disabled client_id"
#: What a secret is compared with where there is none to compare it with.
_SECRETS_OF_NOBODY = (("0" * 64, None),)
log = get_logger("grantwright.client_authentication")


class ClientAuthentication:
    """Authenticates the client of a request."""

    def __init__(
        self, clients: Clients, added: Sequence[ClientAuthenticationMethod] = (), *, explains: bool = False
    ) -> None:
        """``added`` are the methods of specifications, which are taken wherever a secret would do."""
        self._clients = clients
        self._added = added
        self._explains = explains
        self._basic = ClientAuthenticationMethod((BASIC,), _has_basic, partial(_authenticate_basic, clients))
        self._post = ClientAuthenticationMethod((POST,), _has_secret_in_body, partial(_authenticate_post, clients))

    def is_used(self, request: OAuth2Request) -> bool:
        """Tell whether a request contains any client authentication, right or wrong."""
        return request.authorization is not None or bool(self._find_used(request))

    def _find_used(self, request: OAuth2Request) -> list[ClientAuthenticationMethod]:
        return [method for method in (self._basic, self._post, *self._added) if method.is_used(request)]

    def __call__(self, request: OAuth2Request, methods: Iterable[str], endpoint: str = "token") -> Client:
        """Return the authenticated client.

        Raises ``InvalidRequestError`` for more than one method, :class:`ClientAuthenticationError` otherwise: the same
        error for an unknown client, a wrong secret and an unregistered method.
        """
        used = self._find_used(request)
        if len(used) > 1:
            raise InvalidRequestError("Use only one client authentication method.")
        if request.authorization is not None and self._basic not in used:
            refuse_client("unsupported scheme in the Authorization header")
        client, method = used[0].authenticate(request) if used else _authenticate_none(self._clients, request)
        if not client.check_endpoint_auth_method(method, endpoint):
            expected = client.token_endpoint_auth_method
            hint = (
                f"This client must authenticate with {expected}; the request used {method}."
                if self._explains and method != NONE
                else ""
            )
            refuse_client(f"used {method}, registered {expected}", client, hint)
        if method not in methods and not any(method in added.names for added in self._added):
            refuse_client(f"{method} is not accepted at this endpoint", client)
        request.auth_method = method
        request.client = client
        return client


def _has_basic(request: OAuth2Request) -> bool:
    return (request.authorization or "")[:6].lower() == "basic "


def _has_secret_in_body(request: OAuth2Request) -> bool:
    return "client_secret" in request.payload.data


def _authenticate_basic(clients: Clients, request: OAuth2Request) -> tuple[Client, str]:
    credentials = read_basic_credentials(request.authorization or "")
    if credentials is None:
        refuse_client("a malformed Authorization header")
    client_id, client_secret = credentials
    if request.payload.client_id not in (None, client_id):
        raise InvalidRequestError("The client_id in the body differs from the Authorization header.")
    return _check_secret(clients, client_id, client_secret), BASIC


def _authenticate_post(clients: Clients, request: OAuth2Request) -> tuple[Client, str]:
    client_id = request.payload.client_id
    if client_id is None:
        refuse_client("no client_id")
    return _check_secret(clients, client_id, request.payload.data["client_secret"]), POST


def _authenticate_none(clients: Clients, request: OAuth2Request) -> tuple[Client, str]:
    client_id = request.payload.client_id
    if client_id is None:
        refuse_client("no client_id")
    return clients.find(client_id) or refuse_client(UNKNOWN), NONE


def _check_secret(clients: Clients, client_id: str, client_secret: str) -> Client:
    client = clients.find(client_id)
    if client is not None and client.check_client_secret(client_secret):
        return client
    # A wrong secret also causes a database query, like an unknown client, and neither builds a client from the result:
    # so timing doesn't reveal which clients exist. It also finds a secret that was just rotated on another node.
    stored = clients.read_secrets(client_id) if client is not None else None
    is_right = is_valid_secret(client_secret, stored or _SECRETS_OF_NOBODY)
    if client is None:
        refuse_client(UNKNOWN)
    if not is_right:
        refuse_client("it has no secret" if client.is_public else "wrong or expired secret", client)
    return clients.find_fresh(client_id) or refuse_client(UNKNOWN)


def refuse_client(reason: str, client: Client | None = None, hint: str = "") -> NoReturn:
    """Raise the error, and log the reason. An unknown client_id isn't logged, as it may be a secret.

    ``hint`` is for the client's developer; only used in the demo, whose clients are all on this computer.
    """
    client_id = client.client_id if client else ""
    log.info("client authentication failed", reason=reason, client_id=client_id, request_id=request_origin()[1])
    error = ClientAuthenticationError(hint or None)
    error.client = client.id if client else None
    raise error


def read_basic_credentials(header: str) -> tuple[str, str] | None:
    """Parse the form-encoded client_id and secret (:rfc:`6749#section-2.3.1`); ``None`` if malformed."""
    try:
        decoded = binascii.a2b_base64(header[6:].strip(), strict_mode=True).decode("utf-8")
        client_id, colon, client_secret = decoded.partition(":")
        if not colon:
            return None
        return decode_form_text(client_id), decode_form_text(client_secret)
    except (binascii.Error, ValueError):
        return None
