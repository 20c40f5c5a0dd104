"""Client ID metadata documents: a client_id is the https URL of a document with the client's metadata.

https://datatracker.ietf.org/doc/draft-ietf-oauth-client-id-metadata-document/

Nobody registers such a client, so MCP clients use it before anything else. OAUTH2_METADATA_DOCUMENT_HOSTS decides whose
documents count. An unknown document is only fetched for an authorization request that could succeed; a known one is
fetched again at the next authorization or token request after it is no longer fresh. What it says gets the same checks
as a registration.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

from ... import redirect_uris
from ...clients import Client
from ...clients.document_metadata import DocumentError, DocumentUnavailableError
from ...clients.document_urls import find_url_problem, is_document_url, is_host_allowed
from ...clients.policy import Creator
from ...keys.jws import read_unverified
from ...settings import Settings
from ..client_authentication import refuse_client
from ..errors import TemporarilyUnavailableError, TooManyRequestsError, printable_description
from ..rate_limits import REGISTER
from ..requests import OAuth2Request
from ..server import AuthorizationServer

REQUIRES: tuple[str, ...] = ("rfc6749_authorization_endpoint",)

UNAVAILABLE = "The application's metadata document can't be fetched at the moment. Try again in a moment."
RESERVED = "This client_id matches the identifier of an API or of this server, so no client can have it."
UNUSABLE = "The metadata document at this client_id can't be used."
#: New clients of the whole demo per minute, which has no limits for addresses.
MAX_NEW_A_MINUTE_IN_DEMO, MINUTE_SECONDS = 60, 60


class MetadataDocuments:
    """Takes the clients of requests from their documents."""

    def __init__(self, server: AuthorizationServer, settings: Settings) -> None:
        self._server = server
        self._documents = server.clients.documents
        self._hosts = settings.metadata_document_hosts
        self._unused_seconds = settings.unused_client_seconds
        self._new_in_demo = settings.rate_limits.get(REGISTER, MAX_NEW_A_MINUTE_IN_DEMO) if settings.demo else 0

    def before_authorization(self, request: OAuth2Request) -> None:
        """Store or update the client of an authorization request.

        Raises ``InvalidClientError`` if its document can't be used, :class:`TemporarilyUnavailableError` if it can't be
        fetched, and :class:`TooManyRequestsError`.
        """
        url = request.payload.client_id
        if url is None or not is_document_url(url):
            return
        if self._server.resources.is_audience(url):
            raise InvalidClientError(RESERVED)
        client = self._server.clients.find(url)
        try:
            if client is None:
                self._add(request, url)
            elif not self._documents.is_fresh(client):
                self._renew(request, client)
        except DocumentError as error:
            raise InvalidClientError(printable_description(f"{UNUSABLE} {error}")) from None
        except DocumentUnavailableError:
            raise TemporarilyUnavailableError(UNAVAILABLE) from None

    def before_authentication(self, request: OAuth2Request) -> None:
        """Update the stored client of a token request; an unknown one can't have anything to redeem.

        Raises :class:`ClientAuthenticationError` if its document can't be used any longer, and
        :class:`TemporarilyUnavailableError` if it can't be fetched.
        """
        url = _claimed_client_id(request)
        client = self._server.clients.find(url) if is_document_url(url) else None
        if client is None:
            return
        if self._server.resources.is_audience(url):  # both may have been added at the same moment
            refuse_client(RESERVED, client)
        if self._documents.is_fresh(client):
            return
        try:
            self._renew(request, client)
        except DocumentError as error:
            refuse_client(f"{UNUSABLE} {error}", client)
        except DocumentUnavailableError:
            raise TemporarilyUnavailableError(UNAVAILABLE) from None

    def _renew(self, request: OAuth2Request, client: Client) -> None:
        """Update a stored client. Raises what the documents raise.

        Anybody can cause it without authentication, so a fetch counts like that for a new client. Beyond the limit, the
        stored copy serves.
        """
        limits = self._server.rate_limits
        self._documents.renew(
            client,
            self._server.client_policy(Creator.STRANGER),
            may_fetch=lambda: limits.charge_address_besides(request.environ, REGISTER),
        )

    def _add(self, request: OAuth2Request, url: str) -> None:
        """Store the client at a URL, unless the request can't succeed anyway. Raises what the documents raise."""
        problem = find_url_problem(url)
        if problem:
            raise InvalidClientError(problem)
        if not is_host_allowed(url, self._hosts):
            raise InvalidClientError("This server doesn't accept metadata documents from that host.")
        former = self._server.clients.find_any(url)
        if former is not None and former.disabled_at is not None:
            raise InvalidClientError("The operator of this server has disabled this application.")
        self._check_plausible(request)
        self._charge(request)
        self._documents.add(url, former, self._server.client_policy(Creator.STRANGER), self._unused_seconds)

    def _check_plausible(self, request: OAuth2Request) -> None:
        """Check what can be checked without the client: a fetch must not be in vain. Raises ``InvalidRequestError``.

        A request object may contain the parameters, but can only be read with the client's keys.
        """
        fields = request.payload.data
        if "request" in fields or "request_uri" in fields:
            return
        if request.payload.response_type not in self._server.registry.response_types:
            raise InvalidRequestError("This server does not support that response type.")
        redirect_uri = request.payload.redirect_uri
        if redirect_uri is None:
            raise InvalidRequestError("Missing 'redirect_uri' in request.")
        problem = redirect_uris.find_problem(redirect_uri, self._server.settings.redirect_rules)
        if problem:
            raise InvalidRequestError(problem)
        has_pkce = "code_challenge" in self._server.registry.authorization_parameters
        if has_pkce and "code" in request.payload.response_type.split() and "code_challenge" not in fields:
            raise InvalidRequestError("Missing 'code_challenge': a client with a metadata document needs PKCE.")

    def _charge(self, request: OAuth2Request) -> None:
        """Count a new client against the limit of its address, and in the demo of the whole server.

        Raises :class:`TooManyRequestsError`.
        """
        wait = self._server.rate_limits.charge_address(request.environ, REGISTER)
        if self._new_in_demo and self._documents.count_new(MINUTE_SECONDS) >= self._new_in_demo:
            wait = MINUTE_SECONDS
        if wait:
            raise TooManyRequestsError(wait)


def _claimed_client_id(request: OAuth2Request) -> str:
    """Return the client_id in a token request, in the body or in an assertion (:rfc:`7523#section-3`)."""
    client_id, assertion = request.payload.client_id, request.payload.data.get("client_assertion")
    if client_id is None and assertion is not None:
        unverified = read_unverified(assertion)
        client_id = unverified.claims.get("sub") if unverified else None
    return client_id if isinstance(client_id, str) else ""


def register(server: AuthorizationServer, settings: Settings) -> None:
    if not settings.metadata_document_hosts:
        return
    server.clients.documents.accept_from(settings.metadata_document_hosts)
    server.registry.add_client_source(MetadataDocuments(server, settings))
    server.registry.add_metadata(client_id_metadata_document_supported=True)
