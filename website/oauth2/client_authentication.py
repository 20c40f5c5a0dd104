"""Owns client authentication (:rfc:`6749#section-2.3`): exactly one method a request, the registered one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import InvalidRequestError

from ..clients import Client
from .errors import ClientAuthenticationError
from .requests import OAuth2Request

BASIC, POST, NONE = "client_secret_basic", "client_secret_post", "none"
QueryClient = Callable[[str], Client | None]
Authenticate = Callable[[QueryClient, OAuth2Request], Client | None]


class ClientAuthentication:
    """Authenticates the client of a request; the shape that Authlib's server asks for."""

    def __init__(self, query_client: QueryClient) -> None:
        self._query_client = query_client
        self._methods: dict[str, tuple[Callable[[OAuth2Request], bool], Authenticate]] = {
            BASIC: (_has_basic, _authenticate_basic),
            POST: (_has_secret_in_body, _authenticate_post),
        }

    def register(self, method: str, is_used: Callable[[OAuth2Request], bool], authenticate: Authenticate) -> None:
        """Add a method: how to see that a request uses it, and how to authenticate by it."""
        self._methods[method] = (is_used, authenticate)

    def __call__(self, request: OAuth2Request, methods: Iterable[str], endpoint: str = "token") -> Client:
        """Return the authenticated client.

        Raises ``InvalidRequestError`` where more than one method is used, :class:`ClientAuthenticationError` otherwise:
        the same answer for an unknown client, a wrong secret, another method than the registered one.
        """
        used = [name for name, (is_used, _authenticate) in self._methods.items() if is_used(request)]
        if len(used) > 1:
            raise InvalidRequestError("Use one method of client authentication, not several.")
        if request.authorization is not None and BASIC not in used and "HTTP_DPOP" not in request.environ:
            raise ClientAuthenticationError
        if used:
            client = self._methods[used[0]][1](self._query_client, request)
        else:
            client = _authenticate_none(self._query_client, request)
        method = used[0] if used else NONE
        if client is None or method not in methods or method != client.token_endpoint_auth_method:
            raise ClientAuthenticationError
        request.auth_method = method
        request.client = client
        return client


def _has_basic(request: OAuth2Request) -> bool:
    return (request.authorization or "")[:6].lower() == "basic "


def _has_secret_in_body(request: OAuth2Request) -> bool:
    return "client_secret" in request.payload.data


def _authenticate_basic(query_client: QueryClient, request: OAuth2Request) -> Client | None:
    credentials = read_basic_credentials(request.authorization or "")
    if credentials is None:
        return None
    client_id, client_secret = credentials
    if request.payload.client_id not in (None, client_id):
        raise InvalidRequestError("The client_id of the body is not the one of the Authorization header.")
    return _check_secret(query_client, client_id, client_secret)


def _authenticate_post(query_client: QueryClient, request: OAuth2Request) -> Client | None:
    client_id = request.payload.client_id
    return None if client_id is None else _check_secret(query_client, client_id, request.payload.data["client_secret"])


def _authenticate_none(query_client: QueryClient, request: OAuth2Request) -> Client | None:
    client_id = request.payload.client_id
    return None if client_id is None else query_client(client_id)


def _check_secret(query_client: QueryClient, client_id: str, client_secret: str) -> Client | None:
    client = query_client(client_id)
    # An unknown client costs the same comparison as a known one with a wrong secret.
    right = (client or _NOBODY).check_client_secret(client_secret)
    return client if right else None


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
    token_endpoint_auth_method="", secrets=(("0" * 64, None),), owner_subject=None, is_first_party=False,
    pkce_required=None, access_token_format="sealed", token_epoch=0, created_at=0, disabled_at=None,
)  # fmt: skip
