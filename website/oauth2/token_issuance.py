"""Owns the issuing of tokens: what all grants share once they have decided that a token is due."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc6749 import InvalidScopeError, UnauthorizedClientError

from .. import clock, scopes
from ..clients import Client
from ..database import Statement
from ..grants import AccessToken, RefreshToken
from ..identifiers import new_identifier
from .client_authentication import BASIC, NONE, POST, refuse_client
from .protocols import BesideIDToken, Holder
from .rate_limits import TOKEN
from .requests import OAuth2Request
from .server import AuthorizationServer

AUTH_METHODS = [BASIC, POST, NONE]


def authenticate_client(server: AuthorizationServer, request: OAuth2Request, grant_type: str) -> Client:
    """Authenticate the client of a token request and see that it registered the grant (:rfc:`6749#section-5.2`)."""
    client: Client = server.authenticate_client(request, AUTH_METHODS)
    if not server.lets_owner(client):
        refuse_client("its owner may not log in at the embedding application", client)
    if request.auth_method != NONE:
        charge_holder(server, request, client.id)
    if grant_type not in client.grant_types:
        raise UnauthorizedClientError("The client did not register this grant type.")
    return client


def charge_holder(server: AuthorizationServer, request: OAuth2Request, holder: str) -> None:
    """Count a token request against the limit of whoever sent it, once it has shown what nobody else has.

    Its address is spared if the request succeeds. Raises :class:`TooManyRequestsError`: nothing was used up by then.
    """
    if not request.is_charged_to_holder:
        server.charge(TOKEN, holder)
        request.is_charged_to_holder = True


def allowed_scope(server: AuthorizationServer, client: Client, requested: str | None) -> str:
    """Return the scope that the client gets. Raises ``InvalidScopeError``."""
    try:
        return scopes.allowed(requested, client.scope, server.scopes)
    except scopes.ScopeNotAllowedError as error:
        raise InvalidScopeError(str(error)) from None


def ask_external_users(server: AuthorizationServer, whose: Statement, **key: str) -> None:
    """Have another application's users answer before a code or refresh token is taken.

    Raises ``DatabaseUnavailableError`` where they cannot: asked only after, that would cost the client what it showed,
    and its next try would look like a theft.
    """
    if server.has_external_users:
        row = server.database.one(whose, **key)
        if row is not None:
            server.users.find(row[0])


def check_id_token(server: AuthorizationServer, client: Client) -> None:
    """See that an ID token could be written before a code or refresh token is taken: its key may be out of reach.

    Raises ``InvalidRequestError``: what the client showed works on. It may fetch.
    """
    if server.write_id_token is not None and scopes.OPENID in client.scope:
        server.write_id_token.check_client(client)


def gives_refresh_token(server: AuthorizationServer, client: Client) -> bool:
    """Tell whether a grant of this client comes with a refresh token."""
    return (
        server.settings.issues_refresh_tokens
        and "refresh_token" in client.grant_types
        and "refresh_token" in server.offered.grant_types
    )


def keep_client(server: AuthorizationServer, client: Client) -> None:
    """Keep a client that anybody could register from now on: it is given something."""
    if client.unused_until is not None:
        server.clients.mark_used(client.id)


def issue_tokens(
    server: AuthorizationServer, request: OAuth2Request, grant_type: str, scope: str, holder: Holder | None
) -> dict[str, Any]:
    """Mint the tokens; return the token response (:rfc:`6749#section-5.1`)."""
    response = issue_access_token(server, request, grant_type, scope, holder)
    if holder is None:
        return response
    if holder.generation is not None:
        refresh_token = RefreshToken(holder.grant, holder.generation)
        response["refresh_token"] = server.tokens.write_refresh_token(refresh_token)
    if server.write_id_token is not None and scopes.OPENID in scopes.split(scope):
        beside = BesideIDToken(access_token=response["access_token"], is_from_token_endpoint=True)
        response["id_token"] = server.write_id_token(request, scope, holder, beside)
    return response


def issue_access_token(
    server: AuthorizationServer, request: OAuth2Request, grant_type: str, scope: str, holder: Holder | None
) -> dict[str, Any]:
    """Mint an access token; return what is said of it wherever it is given."""
    client: Client = request.client
    keep_client(server, client)
    present, lifetime = clock.now(), server.settings.access_token_lifetime(grant_type)
    token = AccessToken(
        jti=new_identifier(),
        client=client.id,
        grant=holder.grant if holder else None,
        subject=holder.subject if holder else None,
        scope=scope,
        audience=(request.issuer,),
        issued_at=present,
        expires_at=present + lifetime,
        client_epoch=client.token_epoch,
        subject_epoch=holder.subject_epoch if holder else 0,
    )
    said = {
        "access_token": server.tokens.write_access_token(token, client.access_token_format, request.issuer),
        "token_type": "Bearer",
        "expires_in": lifetime,
    }
    return {**said, "scope": scope} if scope else said
