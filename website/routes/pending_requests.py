"""Authorization requests that wait for a login or a decision: kept, found, and answered once they have expired."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError
from flask import request, url_for

from ..grants.pending_requests import WAY_BACK, PendingRequest, TooLongError
from ..oauth2.authentication_request import FormerLogin
from ..oauth2.authorization_request import AUTHORIZATION_ENDPOINT, find_client, verify_redirect_uri
from ..oauth2.requests import OAuth2Request, Pairs, Payload
from ..oauth2.server import AuthorizationServer
from ..sessions import CurrentLoginSession
from .error_pages import render_expired_request
from .pending_request_cookie import browser_id
from .protocol_response import flask_response

#: A longer way back is left out: the address of the login page has it twice encoded.
MAX_WAY_BACK_CHARACTERS = 3000
EXPIRED = "The request was answered too late, or in another browser than the one it began in. Start again."


def keep_request(
    server: AuthorizationServer,
    oauth2_request: OAuth2Request,
    session: str | None,
    former: CurrentLoginSession | str | None = None,
) -> str:
    """Keep a request in the name of this browser; return its transaction id. Raises ``InvalidRequestError``."""
    return _store(server, oauth2_request, session, former, browser_id())


def keep_posted_request(server: AuthorizationServer, oauth2_request: OAuth2Request) -> str:
    """Keep a request that another site had the browser post: without its cookies, whose it is shows the next GET."""
    return _store(server, oauth2_request, None, None, None)


def _store(
    server: AuthorizationServer,
    oauth2_request: OAuth2Request,
    session: str | None,
    former: CurrentLoginSession | str | None,
    browser: str | None,
) -> str:
    names = server.authorization_parameters - server.unkept_parameters
    pending = PendingRequest(
        pairs=[(name, value) for name, value in oauth2_request.payload.pairs if name in names],
        former_login=former.token_hash if isinstance(former, CurrentLoginSession) else former,
        subject=oauth2_request.asked.subject,
        is_from_client=oauth2_request.is_from_client,
    )
    try:
        return server.pending_requests.store(pending, session, browser)
    except TooLongError:
        raise InvalidRequestError("The request is too long.") from None


def address_of_request(transaction: str, oauth2_request: OAuth2Request) -> str:
    """Return the address by which a request that was kept is gone on with."""
    return url_for("authorize.show_authorization", transaction=transaction, **way_back_of(oauth2_request))


def way_back_of(oauth2_request: OAuth2Request) -> dict[str, str]:
    """Return the parameters by which the client is told once the request has expired."""
    fields = oauth2_request.payload.data
    way_back = {name: fields[name] for name in WAY_BACK if name in fields}
    return way_back if len(urlencode(way_back)) <= MAX_WAY_BACK_CHARACTERS else {}


def former_login_of(pending: PendingRequest) -> FormerLogin | None:
    """Return the login that stood when a request came, where the person was sent to log in for it."""
    if pending.former_login is None or pending.asked_at is None:
        return None
    return FormerLogin(pending.former_login, pending.asked_at)


def oauth2_request_of(server: AuthorizationServer, pending: PendingRequest) -> OAuth2Request:
    """Return the protocol's request for one that was kept, or has just come."""
    issuer = server.issuer_of(request.environ)
    oauth2_request = OAuth2Request(request.environ, issuer, Payload(pending.pairs), AUTHORIZATION_ENDPOINT)
    oauth2_request.expected_subject = pending.subject
    oauth2_request.is_from_client = pending.is_from_client
    return oauth2_request


def answer_expired_request(server: AuthorizationServer, pairs: Pairs) -> Any:
    """Tell the client that a request has expired (:rfc:`6749#section-4.1.2.1`), or the person, with a way on.

    ``pairs`` are the parameters that still came. They lead only where a request of their own would be refused to.
    """
    client = None
    try:
        expired_request = OAuth2Request(
            request.environ,
            server.issuer_of(request.environ),
            Payload([pair for pair in pairs if pair[0] in WAY_BACK]),
            AUTHORIZATION_ENDPOINT,
        )
        client = expired_request.client = find_client(server, expired_request)
        error = AccessDeniedError(EXPIRED, redirect_uri=verify_redirect_uri(expired_request))
        return flask_response(server.authorization_responses.build_error(expired_request, error))
    except OAuth2Error:
        return render_expired_request(client)
