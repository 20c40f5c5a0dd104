"""Refreshing an access token (:rfc:`6749#section-6`), with rotation on every use (RFC 9700, section 4.14.2).

https://www.rfc-editor.org/rfc/rfc6749#section-6

A refresh token is sealed and contains its grant and a generation. Using it increases the generation in one statement.
The previous token is accepted for some more seconds; using any other token of an earlier generation ends the grant with
all its tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError

from ... import scopes
from ...grants import RefreshToken
from ...grants.storage import TokenUser
from ...resources import Resource
from ...settings import Settings
from ..granted_resources import choose_resources, still_granted, with_granted_scopes, with_scope_within
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..spec_interfaces import Holder
from ..token_grant import Authorized, TokenGrant
from ..token_request import charge_holder

REQUIRES: tuple[str, ...] = ()

INVALID = "The refresh token is invalid, expired, or already used."
USER_GONE = "The user of this refresh token no longer exists or can't log in."


class Presented(NamedTuple):
    """A refresh token, and the APIs that the access token is for."""

    token: RefreshToken
    resources: tuple[Resource, ...]


class RefreshTokenGrant(TokenGrant[Presented]):
    """Exchanges a refresh token for new tokens of the same grant."""

    GRANT_TYPE = "refresh_token"

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    def read(self, request: OAuth2Request) -> Presented:
        text = request.payload.data.get("refresh_token")
        if text is None:
            raise InvalidRequestError("Missing 'refresh_token' in request.")
        token = self._server.grants.tokens.read_refresh_token(text)
        if token is None:
            raise InvalidGrantError(INVALID)
        charge_holder(self._server, request, token.grant)
        # Before the token is used, so that a wrong resource or scope doesn't cost the client its token.
        resources = self._choose_resources(request, token)
        self._check_scope(request, token.grant, resources)
        return Presented(token, resources)

    def _choose_resources(self, request: OAuth2Request, token: RefreshToken) -> tuple[Resource, ...]:
        """Return the APIs that the access token is for. Raises ``OAuth2Error``."""
        if not token.resources and not request.resources:
            return ()  # most grants are for this server alone
        left = still_granted(self._server.resources, request.client, dict.fromkeys(token.resources, ""))
        chosen = choose_resources(token.resources, left, request.resources)
        if isinstance(chosen, OAuth2Error):
            raise chosen
        return tuple([one.resource for one in chosen])

    def _check_scope(self, request: OAuth2Request, grant_id: str, resources: Iterable[Resource]) -> None:
        """Raise ``InvalidScopeError`` for a scope that wasn't granted, or not at these APIs."""
        requested = request.payload.scope
        if requested is None:
            return
        granted = self._server.grants.find_scope(grant_id, request.client.id)
        if granted is None:
            raise InvalidGrantError(INVALID)  # it belongs to another client
        at_resources = [granted.resources.get(resource.key, "") for resource in resources]
        if not scopes.covers(scopes.join((granted.scope, *at_resources)), requested):
            raise InvalidScopeError("The scope exceeds what the user granted.")

    def find_user(self, request: OAuth2Request, credential: Presented) -> TokenUser | None:
        user = self._server.grants.find_user(credential.token.grant, request.client.id)
        return None if user is None else user._replace(scope=self._usable(request, user.scope))

    def discard(self, request: OAuth2Request, credential: Presented) -> OAuth2Error:
        self._server.grants.revoke(credential.token.grant)
        return InvalidGrantError(USER_GONE)

    def take(self, request: OAuth2Request, credential: Presented) -> Authorized | OAuth2Error:
        client = request.client
        rotated = self._server.grants.rotate(credential.token, client)
        if rotated is None:
            return InvalidGrantError(INVALID)
        if not rotated.user_may_log_in:
            return InvalidGrantError(USER_GONE)
        holder = Holder(
            credential.token.grant,
            rotated.subject,
            rotated.subject_epoch,
            rotated.authentication.without_nonce(),  # it was for the first ID token (Core, section 12.2)
            rotated.generation,
            tuple(rotated.resources),
        )
        resources = with_granted_scopes(self._server.resources, client, credential.resources, rotated.resources)
        resources = with_scope_within(resources, scopes.split(request.payload.scope))
        return Authorized(self._usable(request, rotated.scope), holder, resources)

    def _usable(self, request: OAuth2Request, granted: str) -> str:
        """Return the scope to grant: the client's or the server's scopes may have been reduced since the grant."""
        granted_values, registered = scopes.split(granted), request.client.scope
        offered, values = self._server.registry.scopes, scopes.split(request.payload.scope) or granted_values
        return scopes.join(
            [value for value in values if value in granted_values and value in registered and value in offered]
        )


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.registry.add_grant(RefreshTokenGrant(server))
