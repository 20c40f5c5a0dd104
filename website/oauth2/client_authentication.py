"""Owns client authentication (:rfc:`6749#section-2.3`): exactly one method a request, the registered one.

The answer never tells why it failed; a line of the log does, to the operator.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidRequestError

from ..clients import Client, Clients
from ..logs import get_logger
from ..request_context import request_origin
from .errors import ClientAuthenticationError
from .protocols import ClientAuthenticationMethod
from .requests import OAuth2Request

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
IsUsed = Callable[[OAuth2Request], bool]
#: Returns the client and the method by which it proved who it is.
Authenticate = Callable[[OAuth2Request], tuple[Client, str]]
UNKNOWN = "no client has that client_id, or it is disabled"
log = get_logger("grantwright.client_authentication")


class ClientAuthentication:
    """Authenticates the client of a request; the shape that Authlib's server asks for."""

    def __init__(
        self, clients: Clients, added: Sequence[ClientAuthenticationMethod] = (), *, explains: bool = False
    ) -> None:
        """``added`` are the methods of specifications, which are taken wherever a secret would do."""
        self._clients = clients
        self._added = added
        self._explains = explains
        self._ways: list[tuple[IsUsed, Authenticate]] = [
            (_has_basic, lambda request: (_authenticate_basic(clients, request), BASIC)),
            (_has_secret_in_body, lambda request: (_authenticate_post(clients, request), POST)),
        ]

    def is_used(self, request: OAuth2Request) -> bool:
        """Tell whether a request has anything in it by which a client proves who it is, right or wrong."""
        return request.authorization is not None or bool(self._find_used(request))

    def _find_used(self, request: OAuth2Request) -> list[Authenticate]:
        used = [authenticate for is_used, authenticate in self._ways if is_used(request)]
        return used + [method.authenticate for method in self._added if method.is_used(request)]

    def __call__(self, request: OAuth2Request, methods: Iterable[str], endpoint: str = "token") -> Client:
        """Return the authenticated client.

        Raises ``InvalidRequestError`` where more than one method is used, :class:`ClientAuthenticationError` otherwise:
        the same answer for an unknown client, a wrong secret, another method than the registered one.
        """
        used = self._find_used(request)
        if len(used) > 1:
            raise InvalidRequestError("Use one method of client authentication, not several.")
        if request.authorization is not None and not _has_basic(request):
            refuse_client("a scheme of the Authorization header that authenticates no client")
        client, method = used[0](request) if used else (_authenticate_none(self._clients, request), NONE)
        if not client.check_endpoint_auth_method(method, endpoint):
            expected = client.token_endpoint_auth_method
            hint = (
                f"This client authenticates by {expected}; the request used {method}."
                if self._explains and method != NONE
                else ""
            )
            refuse_client(f"used {method}, registered {expected}", client, hint)
        if method not in methods and not any(method in added.names for added in self._added):
            refuse_client(f"{method} is no authentication at this address", client)
        request.auth_method = method
        request.client = client
        return client


def _has_basic(request: OAuth2Request) -> bool:
    return (request.authorization or "")[:6].lower() == "basic "


def _has_secret_in_body(request: OAuth2Request) -> bool:
    return "client_secret" in request.payload.data


def _authenticate_basic(clients: Clients, request: OAuth2Request) -> Client:
    credentials = read_basic_credentials(request.authorization or "")
    if credentials is None:
        refuse_client("a malformed Authorization header")
    client_id, client_secret = credentials
    if request.payload.client_id not in (None, client_id):
        raise InvalidRequestError("The client_id of the body is not the one of the Authorization header.")
    return _check_secret(clients, client_id, client_secret)


def _authenticate_post(clients: Clients, request: OAuth2Request) -> Client:
    client_id = request.payload.client_id
    if client_id is None:
        refuse_client("no client_id")
    return _check_secret(clients, client_id, request.payload.data["client_secret"])


def _authenticate_none(clients: Clients, request: OAuth2Request) -> Client:
    client_id = request.payload.client_id
    if client_id is None:
        refuse_client("no client_id")
    return clients.find(client_id) or refuse_client(UNKNOWN)


def _check_secret(clients: Clients, client_id: str, client_secret: str) -> Client:
    client = clients.find(client_id)
    if client is not None and client.check_client_secret(client_secret):
        return client
    # A known client with a wrong secret costs a look into the database too, as an unknown one did: no clock can tell
    # them apart, and a secret that was renewed a moment ago on another node is found.
    fresh = clients.find_fresh(client_id) if client is not None else None
    right = (fresh or _NOBODY).check_client_secret(client_secret)
    if client is None or fresh is None:
        refuse_client(UNKNOWN)
    if not right:
        refuse_client("it has no secret" if client.is_public else "a wrong secret, or one that has ended", client)
    return fresh


def refuse_client(reason: str, client: Client | None = None, hint: str = "") -> NoReturn:
    """Refuse, and tell the operator why. A client_id that is no client's is not logged: it may be a secret.

    ``hint`` is for the client's developer: the demo alone has one, whose clients are all of this machine.
    """
    client_id = client.client_id if client else ""
    log.info("client authentication failed", reason=reason, client_id=client_id, request_id=request_origin()[1])
    raise ClientAuthenticationError(hint or None)


def read_basic_credentials(header: str) -> tuple[str, str] | None:
    """Read client_id and secret, form-encoded each (:rfc:`6749#section-2.3.1`); ``None`` for anything malformed."""
    try:
        decoded = base64.b64decode(header[6:].strip(), validate=True).decode("utf-8")
        client_id, colon, client_secret = decoded.partition(":")
        if not colon:
            return None
        return unquote_plus(client_id, errors="strict"), unquote_plus(client_secret, errors="strict")
    except (binascii.Error, ValueError):
        return None


_NOBODY: Any = Client(
    id="", client_id="", client_name="", client_uri="", redirect_uris=(), grant_types=(), response_types=(), scope=(),
    token_endpoint_auth_method="", secrets=(("0" * 64, None),), encrypted_secrets=(), owner_subject=None,
    is_first_party=False, pkce_required=None, access_token_format="sealed", access_token_alg=None,
    secret_either_way=False,
    extra_origins=(), may_introspect=False, ends_with_login=None, shows_logo=None,
    claims_in_id_token=False,
    subject_type="public", sector="",
    is_self_registered=False, registration_token_hash=None, unused_until=None, token_epoch=0,
    created_at=0, disabled_at=None, metadata={},
)  # fmt: skip
