"""Owns the checks of an authorization request (:rfc:`6749#section-4.1.2.1`): what must hold, and in which order.

Nothing is ever sent to a redirect URI before the client is known and the URI is one that it registered.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidClientError, InvalidRequestError, UnauthorizedClientError

from .. import response_types, scopes
from ..clients import Client
from .decision import Decision
from .errors import Response
from .requests import OAuth2Request, Pairs
from .server import AuthorizationServer
from .token_issuance import allowed_scope

AUTHORIZATION_ENDPOINT = "/oauth/authorize"


class AuthorizationGrantMixin:
    """What the grants that begin at the authorization endpoint share. Comes before Authlib's class."""

    request: OAuth2Request
    server: AuthorizationServer
    redirect_uri: str
    RESPONSE_TYPES: set[str]

    @classmethod
    def check_authorization_endpoint(cls, request: OAuth2Request) -> bool:
        """Tell whether the grant answers the response type."""
        return response_types.is_among(request.payload.response_type, cls.RESPONSE_TYPES)

    def validate_consent_request(self) -> str:
        return self.validate_authorization_request()

    def validate_authorization_request(self) -> str:
        """Check what is left once client and redirect URI are verified; return the redirect URI."""
        self.redirect_uri = verify_redirect_uri(self.request)
        client: Client = self.request.client
        try:
            if not client.check_response_type(self.request.payload.response_type):
                raise UnauthorizedClientError("The client did not register this response type.")
            if "code" not in self.request.payload.response_type.split() and client.uses_free_port(self.redirect_uri):
                # PKCE keeps what listens on another port from using a code. A token has no such protection.
                raise InvalidRequestError("Without a code, the redirect_uri has exactly the port that is registered.")
            self.server.authorization_responses.check_mode(self.request)
            self.request.scope = self._allowed_scope(client)
            for extension in self.server.authorization_request_extensions:
                extension(self.request)
            self.check_request()
            self.execute_hook("after_validate_authorization_request_payload", self.redirect_uri)  # type: ignore[attr-defined]
        except OAuth2Error as error:
            error.redirect_uri = self.redirect_uri
            raise
        return self.redirect_uri

    def check_request(self) -> None:
        """Check what this grant alone needs. Raises ``OAuth2Error``."""

    def _allowed_scope(self, client: Client) -> str:
        """Return what may be granted: offline_access is for who gets a code (OpenID Connect Core 1.0, section 11)."""
        scope = allowed_scope(self.server, client, self.request.payload.scope)
        if "code" in self.request.payload.response_type.split():
            return scope
        return scopes.without(scopes.split(scope), scopes.OFFLINE_ACCESS)

    def create_authorization_response(self, redirect_uri: str, decision: Decision | None) -> Response:
        """Answer a person's decision, ``None`` being a no (:rfc:`6749#section-4.1.2`)."""
        if decision is None:
            raise AccessDeniedError(redirect_uri=redirect_uri)
        try:
            given = self.give(redirect_uri, decision)
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            raise
        return self.server.authorization_responses.build(self.request, redirect_uri, given)

    def give(self, redirect_uri: str, decision: Decision) -> Pairs:
        """Return what a yes brings the client: a code, a token or both."""
        raise NotImplementedError


def find_client(server: AuthorizationServer, request: OAuth2Request) -> Client:
    """Return the client that a request names. Raises ``InvalidClientError``: the person is told, nobody else."""
    client_id = request.payload.client_id
    client = server.query_client(client_id) if client_id else None
    if client is None:
        text = "No application is registered with this client_id." if client_id else "Missing 'client_id'."
        raise InvalidClientError(text)
    return client


def verify_redirect_uri(request: OAuth2Request) -> str:
    """Return the redirect URI of a request, verified.

    Raises ``InvalidRequestError`` without a redirect: the person is told, nobody else.
    """
    client: Client = request.client
    asked: str | None = request.payload.redirect_uri
    if asked is None and scopes.OPENID in scopes.split(request.payload.scope):
        raise InvalidRequestError("Missing 'redirect_uri': a request with the scope openid has to name it.")
    if asked is None:
        only = client.get_default_redirect_uri()
        if only is None:
            raise InvalidRequestError("Missing 'redirect_uri': the client registered none, or several.")
        return only
    if not client.check_redirect_uri(asked):
        raise InvalidRequestError("The redirect_uri is not one that the client registered.")
    return asked


def find_authorization_grant(server: AuthorizationServer, request: OAuth2Request) -> Any:
    """Return the grant object for a request that is valid in full.

    Raises ``OAuth2Error``; its ``redirect_uri`` is set where the error may be sent to the client.
    """
    request.client = find_client(server, request)
    try:
        for read_source in server.authorization_request_sources:
            read_source(request)
    except OAuth2Error as error:
        # What was not read can name no place: the error goes where the request itself does, or else to the person.
        with suppress(OAuth2Error):
            error.redirect_uri = verify_redirect_uri(request)
        raise
    redirect_uri = verify_redirect_uri(request)
    response_type = request.payload.response_type
    for grant_cls, _extensions in server.authorization_grants:
        if grant_cls.check_authorization_endpoint(request):
            grant = server.get_authorization_grant(request)
            grant.validate_consent_request()
            return grant
    if response_type is None:
        raise InvalidRequestError("Missing 'response_type' in request.", redirect_uri=redirect_uri)
    # Authlib's class would repeat what the client sent in its text.
    raise OAuth2Error(
        "This server does not support that response type.",
        error="unsupported_response_type",
        redirect_uri=redirect_uri,
    )
