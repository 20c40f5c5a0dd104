"""Tokens issued through the browser, with or without a code: checking the request, and writing the grant."""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError

from .. import scopes
from ..grants.storage import NewGrant
from .granted_resources import stored
from .requests import OAuth2Request
from .server import AuthorizationServer
from .spec_interfaces import Holder
from .staying_connected import stays_connected
from .token_grant import NO_ACCESS, Authorized
from .user_decision import Decision

IMPLICIT = "implicit"


def check_openid_request(request: OAuth2Request) -> None:
    """Check that a request for an ID token in the browser has a nonce, and the scope openid. Raises ``OAuth2Error``.

    OpenID Connect Core 1.0, sections 3.2.2.1 and 3.3.2.11.
    """
    if scopes.OPENID not in scopes.split(request.scope):
        raise InvalidRequestError("This response_type requires the scope openid.")
    if "id_token" in request.payload.response_type.split() and "nonce" not in request.payload.data:
        raise InvalidRequestError("Missing 'nonce' in request: it is required for an ID token in the browser.")


def grant_in_browser(
    server: AuthorizationServer, request: OAuth2Request, decision: Decision
) -> Authorized | OAuth2Error:
    """Write the grant for a response type's tokens; return the error if the login session has ended meanwhile."""
    login = decision.login
    granted = NewGrant(
        client=request.client,
        subject=login.subject,
        grant_type=IMPLICIT,
        scope=request.scope or "",
        resources=stored(request.granted_resources),
        consent=decision.consent,
        authentication=request.authentication_by(login),
        stays_connected=stays_connected(server, request, decision),
    )
    subject, epoch = server.accounts.subjects.subject_for_user(login.user_id)
    with server.database.write() as writer:
        # If the login session ends meanwhile, either the grant is found there, or the end is found here.
        is_unchanged = server.accounts.subjects.lock_if_unchanged(writer, subject, epoch)
        if not is_unchanged or not server.sessions.lock(writer, login.session):
            return AccessDeniedError()
        grant_id = server.grants.write(writer, granted, with_refresh_token=False)
        if grant_id is None:
            return AccessDeniedError(NO_ACCESS)
    holder = Holder(grant_id, subject, epoch, granted.authentication)
    return Authorized(granted.scope, holder, request.granted_resources)
