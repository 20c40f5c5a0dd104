"""Refreshing an access token (:rfc:`6749#section-6`), with rotation on every use (RFC 9700, section 4.14.2).

https://www.rfc-editor.org/rfc/rfc6749#section-6

A refresh token is sealed and contains its grant and a generation. Using it increases the generation in one statement.
The previous token is accepted for some more seconds; using any other token of an earlier generation ends the grant with
all its tokens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError, grants

from ... import scopes
from ...grants.storage import READ_GRANT_USER
from ...settings import Settings
from ..protocols import Holder
from ..server import AuthorizationServer
from ..token_issuance import ask_external_users, authenticate_client, charge_holder, check_id_token, issue_tokens

INVALID = "The refresh token is invalid, expired, or already used."


class RefreshTokenGrant(grants.RefreshTokenGrant):
    """Exchanges a refresh token for new tokens of the same grant."""

    def validate_token_request(self) -> None:
        client = authenticate_client(self.server, self.request, self.GRANT_TYPE)
        text = self.request.payload.data.get("refresh_token")
        if text is None:
            raise InvalidRequestError("Missing 'refresh_token' in request.")
        token = self.server.tokens.read_refresh_token(text)
        if token is None:
            raise InvalidGrantError(INVALID)
        charge_holder(self.server, self.request, token.grant)
        self._check_scope(token.grant, client.id)
        self.request.refresh_token = token

    def _check_scope(self, grant_id: str, client: str) -> None:
        """Reject a wider scope before the token is used, so that this mistake doesn't cost the client its token."""
        wanted = self.request.payload.scope
        if wanted is None:
            return
        granted = self.server.grants.find_scope(grant_id, client)
        if granted is None:
            raise InvalidGrantError(INVALID)  # it belongs to another client
        if not scopes.covers(granted, wanted):
            raise InvalidScopeError("The scope exceeds what the user granted.")

    def create_token_response(self) -> tuple[int, dict[str, Any], list[Any]]:
        server, client = self.server, self.request.client
        ask_external_users(server, READ_GRANT_USER, grant_=self.request.refresh_token.grant, client_=client.id)
        check_id_token(server, client)
        rotated = server.grants.rotate(self.request.refresh_token, client.id, is_public=client.is_public)
        if rotated is None:
            raise InvalidGrantError(INVALID)
        if rotated.user_id is None or server.users.find(rotated.user_id) is None:
            server.grants.revoke(self.request.refresh_token.grant)
            raise InvalidGrantError("The user of this refresh token no longer exists or can't log in.")
        # The client's or the server's scopes may have been reduced since the grant was created.
        wanted, known = self.request.payload.scope or rotated.scope, server.scopes
        usable = scopes.join(value for value in scopes.split(wanted) if value in client.scope and value in known)
        holder = Holder(
            self.request.refresh_token.grant,
            rotated.subject,
            rotated.subject_epoch,
            replace(rotated.authentication, nonce=None),  # it was for the first ID token (Core, section 12.2)
            rotated.generation,
        )
        return 200, issue_tokens(server, self.request, self.GRANT_TYPE, usable, holder), []


def register(server: AuthorizationServer, settings: Settings) -> None:
    server.register_grant(RefreshTokenGrant)
    server.add_metadata(grant_types_supported=[RefreshTokenGrant.GRANT_TYPE])
