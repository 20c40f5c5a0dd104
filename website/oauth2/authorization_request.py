"""The authorization request (:rfc:`6749#section-4.1.1`): its checks in order, and its response.

Nothing is sent to a redirect URI before the client is known and the URI is verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidClientError, InvalidRequestError, UnauthorizedClientError

from .. import scopes
from ..clients import Client
from ..clients.metadata import DEVICE_CODE
from ..grants.storage import TokenUser
from .errors import Response, UnregisteredRedirectURIError
from .front_channel_tokens import IMPLICIT
from .requested_scope import requested_scope
from .requests import OAuth2Request
from .server import AuthorizationServer
from .token_issuance import ID_TOKEN, issue_tokens, prepare_id_token
from .user_decision import Decision

AUTHORIZATION_ENDPOINT = "/oauth/authorize"


class Kind(Enum):
    """How an authorization request reaches the server."""

    AUTHORIZATION = "authorization"
    DEVICE = "device"


def check_authorization_request(server: AuthorizationServer, request: OAuth2Request, kind: Kind) -> None:
    """Run the checks for a kind of request, in the order of :data:`CHECKS`, which store their results in the request.

    Raises ``OAuth2Error``, which may be sent to the client once ``request.redirect_uri`` is set.
    """
    for check in CHECKS[kind]:
        check(server, request)


def answer_authorization_request(
    server: AuthorizationServer, request: OAuth2Request, decision: Decision | None
) -> Response:
    """Return the response to a checked request; the decision ``None`` means no (:rfc:`6749#section-4.1.2`).

    As at the token endpoint, an ID token is prepared before anything is written. Raises ``OAuth2Error``.
    """
    if decision is None:
        raise AccessDeniedError
    values, login = request.payload.response_type.split(), decision.login
    claims = None
    if ID_TOKEN in values:
        user = TokenUser(login.user_id, login.subject, request.scope or "", request.authentication_by(login))
        # Without an access token the client can't use the UserInfo endpoint (OpenID Connect Core 1.0, section 5.4).
        claims = prepare_id_token(server, request, user, has_scope_claims=values == [ID_TOKEN])
    server.keys.load()
    with server.cache_invalidation.paused:
        given = server.registry.response_types[request.payload.response_type].give(request, decision)
        if isinstance(given, OAuth2Error):
            raise given
        parameters = [] if given.code is None else [("code", given.code)]
        if given.authorized is not None:
            members = issue_tokens(server, request, IMPLICIT, given.authorized, values, claims, given.code)
            parameters += [(name, str(value)) for name, value in members.items()]
    return server.authorization_responses.build(request, request.redirect_uri, parameters)


def update_client(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Let the sources of clients bring this request's client up to date. The errors are only shown to the person."""
    for source in server.registry.client_sources:
        source.before_authorization(request)


def find_client(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Find the client of a request. Raises ``InvalidClientError``, which is only shown to the person."""
    client_id = request.payload.client_id
    client = server.query_client(client_id) if client_id else None
    if client is None:
        text = "No application is registered with this client_id." if client_id else "Missing 'client_id'."
        raise InvalidClientError(text)
    request.client = client


def read_sources(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Replace references in the request with their contents, such as a request object (:rfc:`9101`)."""
    try:
        for read_source in server.registry.authorization_request_sources:
            read_source(request)
    except OAuth2Error:
        # An unreadable object has no redirect URI: use the one outside it, or show the error to the person.
        with suppress(OAuth2Error):
            verify_redirect_uri(server, request)
        raise


def verify_redirect_uri(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Verify the redirect URI. Raises ``InvalidRequestError``, which is only shown to the person."""
    client: Client = request.client
    redirect_uri: str | None = request.payload.redirect_uri
    if redirect_uri is None and scopes.OPENID in scopes.split(request.payload.scope):
        raise InvalidRequestError("Missing 'redirect_uri': it is required with the scope openid.")
    if redirect_uri is None:
        redirect_uri = client.get_default_redirect_uri()
        if redirect_uri is None:
            raise InvalidRequestError("Missing 'redirect_uri': the client registered none or more than one.")
    elif not client.check_redirect_uri(redirect_uri):
        raise UnregisteredRedirectURIError(client, redirect_uri)
    request.redirect_uri = redirect_uri


def check_response_type(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Check that the server supports the response type and the client registered it."""
    response_type = request.payload.response_type
    if not response_type:
        raise InvalidRequestError("Missing 'response_type' in request.")
    if response_type not in server.registry.response_types:
        # Authlib's class would repeat the client's input in its text.
        text = "This server does not support that response type."
        raise OAuth2Error(text, error="unsupported_response_type")
    if not request.client.check_response_type(response_type):
        raise UnauthorizedClientError("The client did not register this response type.")


def check_free_port(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Reject a request for a token on an unregistered loopback port (:rfc:`8252#section-7.3`).

    PKCE prevents other programs on that port from using a code. A token has no such protection.
    """
    if "code" not in request.payload.response_type.split() and request.client.uses_free_port(request.redirect_uri):
        raise InvalidRequestError("Without a code, the redirect_uri must have exactly the registered port.")


def check_response_mode(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Check the requested response mode."""
    server.authorization_responses.check_mode(request)


def read_resources(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Read which APIs the request is for (:rfc:`8707#section-2.1`)."""
    if server.registry.resource_reader is not None:
        server.registry.resource_reader(request)


def narrow_scope(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Set the scope that may be granted: offline_access only with a code (Core 1.0, section 11), or for a device."""
    scope, request.granted_resources = requested_scope(server, request, server.resources.consentable_scope)
    if not request.is_for_device and "code" not in request.payload.response_type.split():
        scope = scopes.without(scopes.split(scope), scopes.OFFLINE_ACCESS)
    request.scope = scope


def read_extensions(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Let specifications read their parameters, such as ``prompt``, ``max_age`` and ``claims``."""
    for read_extension in server.registry.authorization_request_extensions:
        read_extension(request)


def check_by_response_type(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Run the response type's own checks: PKCE for a code, a nonce for an ID token in the browser."""
    server.registry.response_types[request.payload.response_type].check(request)


def check_device_grant(server: AuthorizationServer, request: OAuth2Request) -> None:
    """Check that the client registered the grant by which it will poll (:rfc:`8628#section-3.1`)."""
    if DEVICE_CODE not in request.client.grant_types:
        raise UnauthorizedClientError(f"The client did not register the grant type {DEVICE_CODE}.")


Check = Callable[[AuthorizationServer, OAuth2Request], None]
#: The checks for each kind of request, in order. Another kind is another row, made of these checks and its own:
#:
#: - pushed (RFC 9126, section 2.1): the client is authenticated instead of found, ``request_uri`` is refused, then as
#:   below. The authorization request that brings its ``request_uri`` reads it as one of its sources.
#: - backchannel (CIBA Core 1.0, section 7.1): as device, and the hint about the user is read.
CHECKS: Mapping[Kind, tuple[Check, ...]] = {
    Kind.AUTHORIZATION: (
        update_client,
        find_client,
        read_sources,
        verify_redirect_uri,  # from here on, errors go to the client
        check_response_type,
        check_free_port,
        check_response_mode,
        read_resources,
        narrow_scope,
        read_extensions,
        check_by_response_type,
    ),
    # The client is authenticated; there is no redirect URI and no response type.
    Kind.DEVICE: (
        check_device_grant,
        read_resources,
        narrow_scope,
    ),
}
