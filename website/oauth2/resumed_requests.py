"""Storing authorization requests while a person logs in or decides, and resuming them."""

from __future__ import annotations

from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError

from ..clients import Client
from ..grants.pending_requests import WAY_BACK, PendingRequest, TooLongError
from ..request_context import Environ
from ..sessions import CurrentLoginSession
from .authentication_request import FormerLogin
from .authorization_request import AUTHORIZATION_ENDPOINT, find_client, verify_redirect_uri
from .errors import Response
from .form_encoding import Pairs
from .requests import OAuth2Request, Payload
from .server import AuthorizationServer

#: Nobody was logged in, so any login is a different one.
NO_LOGIN = ""
#: A longer return URL is omitted, as the login page's URL contains it with double encoding.
MAX_WAY_BACK_CHARACTERS = 3000
EXPIRED = "The request has expired, or was started in another browser. Start again."


def keep_request(
    server: AuthorizationServer,
    request: OAuth2Request,
    browser: str | None,
    *,
    session: str | None = None,
    former_login: str | None = None,
) -> str:
    """Store a request; return its transaction ID. Raises ``InvalidRequestError`` if it is too long.

    ``browser`` is the id of the browser that it started in; a request posted from another site has none yet.
    ``session`` is the login session that is asked for a decision, ``former_login`` the one that wasn't sufficient.
    """
    names = server.registry.authorization_parameters - server.registry.unkept_parameters
    kept = PendingRequest(
        pairs=[(name, value) for name, value in request.payload.pairs if name in names],
        former_login=former_login,
        subject=request.asked.subject,
        is_from_client=request.is_from_client,
    )
    try:
        return server.grants.pending_requests.store(kept, session, browser)
    except TooLongError:
        raise InvalidRequestError("The request is too long.") from None


def resume_request(server: AuthorizationServer, environ: Environ, pending: PendingRequest) -> OAuth2Request:
    """Return the protocol's request for a stored or new one."""
    request = OAuth2Request(environ, server.issuer_of(environ), Payload(pending.pairs), AUTHORIZATION_ENDPOINT)
    request.expected_subject = pending.subject
    request.is_from_client = pending.is_from_client
    return request


def way_back_of(request: OAuth2Request) -> dict[str, str]:
    """Return the parameters for notifying the client once the request has expired."""
    fields = request.payload.data
    found = {name: fields[name] for name in WAY_BACK if name in fields}
    return found if len(urlencode(found)) <= MAX_WAY_BACK_CHARACTERS else {}


def former_login_of(pending: PendingRequest) -> FormerLogin | None:
    """Return the login session when a request arrived, if the person was sent to log in for it."""
    if pending.former_login is None or pending.asked_at is None:
        return None
    return FormerLogin(pending.former_login, pending.asked_at)


def name_of_login(login: CurrentLoginSession | None) -> str:
    """Return the stored identifier of a login session that wasn't sufficient."""
    return NO_LOGIN if login is None else login.token_hash


def answer_expired_request(server: AuthorizationServer, environ: Environ, pairs: Pairs) -> Response | Client | None:
    """Return the error for an expired request (:rfc:`6749#section-4.1.2.1`).

    ``pairs`` are the remaining parameters. The error is sent to the client only if a new request with them could be;
    otherwise it is shown to the person, and the client is returned if known.
    """
    try:
        payload = Payload([pair for pair in pairs if pair[0] in WAY_BACK])
        request = OAuth2Request(environ, server.issuer_of(environ), payload, AUTHORIZATION_ENDPOINT)
        find_client(server, request)
    except OAuth2Error:
        return None
    try:
        verify_redirect_uri(server, request)
    except OAuth2Error:
        client: Client = request.client
        return client
    return server.authorization_responses.build_error(request, AccessDeniedError(EXPIRED))
