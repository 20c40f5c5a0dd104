"""Issuing tokens after a grant or a person has decided, and what is checked for that beforehand.

:func:`issue_tokens` refuses nothing and asks nobody. It is called at the end of :mod:`.token_request`, and of
:mod:`.authorization_request` for tokens through the browser.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .. import clock, scopes
from ..clients import Client
from ..database import DatabaseUnavailableError
from ..grants import AccessToken, RefreshToken
from ..grants.codes import AuthorizationCode
from ..grants.device_codes import AllowedCode
from ..grants.storage import TokenUser
from ..identifiers import new_identifier
from ..logs import get_logger
from .granted_resources import GrantedResource, shape_of_token
from .requests import OAuth2Request
from .server import AuthorizationServer
from .spec_interfaces import BesideIDToken, Holder
from .token_grant import Authorized

#: The tokens to issue, as values of a response type (OpenID Connect Core 1.0, section 3).
ACCESS_TOKEN, ID_TOKEN = "token", "id_token"  # noqa: S105 - names
ISSUED_AT_TOKEN_ENDPOINT = (ACCESS_TOKEN, ID_TOKEN)
log = get_logger("grantwright.token_issuance")


def gives_refresh_token(server: AuthorizationServer, client: Client) -> bool:
    """Tell whether this client gets refresh tokens."""
    return (
        server.settings.issues_refresh_tokens
        and "refresh_token" in client.grant_types
        and "refresh_token" in server.metadata.offered.grant_types
    )


def authorized_by_code(
    server: AuthorizationServer,
    request: OAuth2Request,
    code: AuthorizationCode | AllowedCode,
    grant_id: str,
    resources: tuple[GrantedResource, ...],
) -> Authorized:
    """Return what a redeemed code grants by the new grant; ``resources`` are the APIs of the access token."""
    generation = 0 if gives_refresh_token(server, request.client) else None
    keys = tuple(code.resources)
    holder = Holder(grant_id, code.subject, code.subject_epoch, code.authentication, generation, keys)
    return Authorized(code.scope, holder, resources)


def prepare_id_token(
    server: AuthorizationServer, request: OAuth2Request, user: TokenUser, has_scope_claims: bool
) -> Mapping[str, Any] | None:
    """Prepare an ID token before a credential is taken; return the claims about its user, ``None`` for no token.

    Raises ``InvalidRequestError`` if none can be written for the client now, and ``DatabaseUnavailableError`` if the
    users can't be looked up; the client's credential still works. It may fetch the client's keys.
    """
    if server.registry.id_token_writer is None or scopes.OPENID not in scopes.split(user.scope):
        return None
    return server.registry.id_token_writer.prepare(request, user, has_scope_claims)


def issue_tokens(
    server: AuthorizationServer,
    request: OAuth2Request,
    grant_type: str,
    authorized: Authorized,
    values: Collection[str],
    claims: Mapping[str, Any] | None,
    code: str | None = None,
) -> dict[str, Any]:
    """Issue the tokens in ``values``; return the members of the response (:rfc:`6749#section-5.1`).

    ``claims`` are from :func:`prepare_id_token`, and ``code`` is the code in the same response.
    """
    holder, members = authorized.holder, {}
    server.grants.activity.count(request.client.id, grant_type)
    if request.client.unused_until is not None:
        _mark_client_used(server, request.client)
    if ACCESS_TOKEN in values:
        members = _issue_access_token(server, request, grant_type, authorized)
    if holder is None:
        return members
    if holder.generation is not None:
        refresh_token = RefreshToken(holder.grant, holder.generation, holder.resources)
        members["refresh_token"] = server.grants.tokens.write_refresh_token(refresh_token)
    has_id_token = ID_TOKEN in values and scopes.OPENID in scopes.split(authorized.scope)
    if has_id_token and claims is not None and server.registry.id_token_writer is not None:
        beside = BesideIDToken(members.get("access_token"), code)
        members["id_token"] = server.registry.id_token_writer(request, holder, beside, claims)
    return members


def _issue_access_token(
    server: AuthorizationServer, request: OAuth2Request, grant_type: str, authorized: Authorized
) -> dict[str, Any]:
    client: Client = request.client
    holder, resources = authorized.holder, authorized.resources
    now, lifetime = clock.now(), server.settings.access_token_lifetime(grant_type)
    audience: tuple[str, ...] = (request.issuer,)
    scope, token_format = authorized.scope, client.access_token_format
    if resources:
        audience, scope, token_format, lifetime = shape_of_token(scope, resources, lifetime)
    token = AccessToken(
        jti=new_identifier(),
        client=client.id,
        grant=holder.grant if holder else None,
        subject=holder.subject if holder else None,
        scope=scope,
        audience=audience,
        issued_at=now,
        expires_at=now + lifetime,
        client_epoch=client.token_epoch,
        subject_epoch=holder.subject_epoch if holder else 0,
        auth_time=holder.authentication.auth_time if holder else None,
        acr=holder.authentication.acr if holder else None,
    )
    members = {
        "access_token": server.grants.tokens.write_access_token(token, token_format, request.issuer),
        "token_type": "Bearer",
        "expires_in": lifetime,
    }
    return {**members, "scope": scope} if scope else members


def _mark_client_used(server: AuthorizationServer, client: Client) -> None:
    """Mark a self-registered client as used, so that pruning keeps it.

    If that fails, the next issuance does it, so that the used credential isn't lost.
    """
    try:
        server.clients.mark_used(client.id)
    except DatabaseUnavailableError as error:
        log.warning("a client could not be marked as used", client=client.id, reason=error.reason)
