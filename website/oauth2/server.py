"""Owns the authorization server: Authlib's framework-neutral core, with our storage and our one response writer.

One object per application. Specifications register what they add on it: grants, addresses, token formats, metadata.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer as AuthlibServer
from authlib.oauth2.rfc6749 import InvalidRequestError

from .. import redirect_uris
from ..audit import Audit
from ..clients import Client, Clients
from ..clients.client_keys import ClientKeys
from ..clients.initial_access_tokens import InitialAccessTokens
from ..clients.logos import ClientLogos
from ..clients.origins import Cors
from ..clients.owners import ClientOwners
from ..clients.policy import ClientPolicy, Creator, policy_for
from ..clients.subject_changes import ClientSubjects
from ..database import Database
from ..database.cache_invalidation import CacheInvalidation
from ..errors.catalogue import ERROR_PAGES
from ..grants import Consents, Grants, Tokens
from ..grants.pending_requests import PendingRequests
from ..grants.replay import Replay
from ..keys import KeyEncryption, Keys
from ..outbound import Outbound
from ..request_context import FIND_ERROR_PAGES, Environ, current_environ, is_local
from ..sessions import LoginSessions
from ..sessions.client_sessions import ClientSessions
from ..settings import Settings
from ..users import HostFacts, LocalUsers, Users
from ..users.login_throttle import LoginThrottle
from ..users.password_links import PasswordLinks
from ..users.password_login import PasswordLogin
from ..users.protocols import Subjects
from ..users.user_claims import UserClaims
from .access_tokens import AccessTokens
from .authorization_response import AuthorizationResponses
from .client_authentication import ClientAuthentication
from .errors import Response, TooManyRequestsError, error_response, json_response
from .rate_limits import RateLimits
from .registry import Address, ExtensionPoints
from .requests import OAuth2Request, Payload, read_form, read_json
from .token_claims import TokenClaims

WITH_BODY = ("POST", "PUT")
#: Of a registration: with its keys it needs a few, and where anybody may register each byte is kept for a day.
MAX_DOCUMENT_BYTES = 16 * 1024


class AuthorizationServer(ExtensionPoints, AuthlibServer):
    """The provider of one application."""

    def __init__(
        self, settings: Settings, database: Database, users: Users | None = None, host: HostFacts | None = None
    ) -> None:
        super().__init__()
        self.prepare(settings)
        self.settings = settings
        self.database = database
        self.audit = Audit(database)
        self.rate_limits = RateLimits(settings)
        self.subjects = Subjects(database)
        throttle = None if settings.demo else LoginThrottle(database, settings)
        #: Whether the users are another application's, whose answers may fail on their own.
        self.has_external_users = users is not None
        self.host_facts = host or HostFacts()
        self.cache_invalidation = CacheInvalidation(database)
        own_users = LocalUsers(database, self.subjects, settings.demo, self.audit, self.cache_invalidation)
        self.users: Users = users or own_users
        self.user_claims = UserClaims(self.users, lambda: self.scopes)
        self.password_login = PasswordLogin(self.users, throttle, self.audit)
        self.password_links = PasswordLinks(database, self.audit, throttle)
        encryption = KeyEncryption(settings.key_encryption_key, settings.key_encryption_key_fallbacks)
        algorithms = settings.signing_algorithms, settings.decryption_algorithms
        self.keys = Keys(database, encryption, self.cache_invalidation, self.audit, *algorithms)
        self.tokens = Tokens(self.keys, settings.issuer or "demo")
        self.clients = Clients(database, self.cache_invalidation, encryption, self.audit)
        self.client_subjects = ClientSubjects(database, self.cache_invalidation, self.audit)
        self.client_owners = ClientOwners(
            database, self.cache_invalidation, self.audit, has_external_users=self.has_external_users
        )
        self.outbound = Outbound(settings)
        self.client_logos = ClientLogos(database, self.outbound, self.audit, is_on=settings.client_logos)
        self.client_keys = ClientKeys(self.outbound, encryption)
        self.initial_access_tokens = InitialAccessTokens(database, self.audit)
        self.cors = Cors(database, self.cache_invalidation)
        self.login_sessions = LoginSessions(database, self.subjects, settings, self.audit)
        self.client_sessions = ClientSessions(database)
        self.consents = Consents(database, settings.consent_seconds, self.audit)
        self.grants = Grants(database, settings, self.audit)
        self.replay = Replay(database)
        self.pending_requests = PendingRequests(database)
        self.authorization_responses = AuthorizationResponses()
        self.access_tokens = AccessTokens(self.tokens, self.grants, self.clients, self.subjects, self.users)
        self.token_claims = TokenClaims(self.access_tokens)
        #: Authlib's core calls it by the other name.
        self.client_authentication = self._client_auth = ClientAuthentication(self.clients, explains=settings.demo)
        self._grant_extensions: dict[str, list[Any]] = {}

    def client_policy(self, creator: Creator) -> ClientPolicy:
        """Return which clients somebody may create, and what they may change one into."""
        return policy_for(creator, self.offered, tuple(self.tokens.formats), self.settings)

    def lets_owner(self, client: Client) -> bool:
        """Tell whether a client's owner, if it has one, may still log in at the application that embeds this server.

        Nobody tells us when a user is disabled there, so it is asked. Our own accounts take their clients along.
        """
        if client.owner_subject is None or not self.has_external_users:
            return True
        user_id = self.subjects.user_id_of(client.owner_subject)
        return user_id is not None and self.users.find(user_id) is not None

    # --- the grants

    def register_grant(self, grant_cls: Any, extensions: list[Any] | None = None) -> None:
        """Register a grant class of Authlib's shape; its extensions are those of :meth:`extend_grant`."""
        held = self._grant_extensions.setdefault(grant_cls.GRANT_TYPE, [])
        held.extend(extensions or [])
        super().register_grant(grant_cls, held)

    def extend_grant(self, grant_type: str, extension: Any) -> None:
        """Have every grant object of this type passed to ``extension``, which registers its hooks on it."""
        self._grant_extensions.setdefault(grant_type, []).append(extension)

    @property
    def authorization_grants(self) -> list[tuple[Any, list[Any]]]:
        """The grants that begin at the authorization endpoint, each with its extensions."""
        grants: list[tuple[Any, list[Any]]] = self._authorization_grants
        return grants

    def has_grant(self, grant_type: str) -> bool:
        """Tell whether a grant type is switched on."""
        return any(grant_type == grant_cls.GRANT_TYPE for grant_cls, _extensions in self._token_grants)

    # --- what Authlib's core asks of its integration

    def query_client(self, client_id: str) -> Client | None:
        client = self.clients.find(client_id)
        return client if client is not None and self.lets_owner(client) else None

    def save_token(self, token: Mapping[str, Any], request: OAuth2Request) -> None:
        """Store nothing: tokens are sealed, and what they stand on, the grant, was written before them."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Send nothing: who wants to follow what happens reads the log."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        if isinstance(body, (dict, list)):
            return json_response(status, body)
        return Response(status, tuple(headers), body.encode() if isinstance(body, str) else body)

    def handle_error_response(self, request: OAuth2Request, error: OAuth2Error) -> Response:
        return error_response(error)

    def subject_for(self, client: Client, subject: str) -> str:
        """Return what a client knows a user by (OpenID Connect Core 1.0, section 8)."""
        of_type = self.subject_types.get(client.subject_type)
        return subject if of_type is None else of_type(client, subject)

    def send_notices(self) -> None:
        """Have clients told, beside the requests, of logins that have ended; unless other processes do that."""
        if self.logout_notices is not None and self.settings.sends_notices:
            self.logout_notices.nudge()

    def charge(self, limit: str, holder: str) -> None:
        """Count a request against the limit of whoever holds what it showed. Raises :class:`TooManyRequestsError`."""
        wait = self.rate_limits.charge_holder(limit, holder)
        if wait:
            raise TooManyRequestsError(wait)

    # --- reading requests

    def issuer_of(self, environ: Environ) -> str:
        """Return the issuer identifier: the setting, or, in the demo alone, the request's own scheme and host.

        In the demo admission.py lets only 127.0.0.1, [::1] and localhost through as Host.
        """
        if self.settings.issuer:
            return self.settings.issuer
        return f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '127.0.0.1')}{environ.get('SCRIPT_NAME', '')}"

    def find_error_pages(self, environ: Environ) -> str | None:
        """Return the address below which each error code has a page, ``None`` where there are none.

        In the demo there is none for a request from elsewhere, whose Host header nobody has looked at.
        """
        if not self.settings.error_pages or not (self.settings.issuer or is_local(environ)):
            return None
        return self.issuer_of(environ) + ERROR_PAGES

    def is_own_issuer(self, identifier: str) -> bool:
        """Tell whether an identifier is ours; in the demo any of this machine, as its names and ports are many."""
        if self.settings.issuer:
            return identifier == self.settings.issuer
        return redirect_uris.is_loopback_or_private(identifier) and identifier.startswith(("http://", "https://"))

    def read_request(self, environ: Environ, address: Address) -> OAuth2Request:
        """Read a request of the machines' door: what is sent stands in its body and nowhere else.

        Raises ``InvalidRequestError`` (:rfc:`6749#section-3.2`): a query would leave credentials in logs.
        """
        if environ["REQUEST_METHOD"] not in WITH_BODY:
            return OAuth2Request(environ, self.issuer_of(environ), Payload([]))
        if environ.get("QUERY_STRING"):
            raise InvalidRequestError("Send the parameters in the body, not in the query.")
        if address.takes_json:
            document = read_json(environ, min(self.settings.max_body_bytes, MAX_DOCUMENT_BYTES))
            return OAuth2Request(environ, self.issuer_of(environ), Payload([]), document=document)
        limits = self.settings.max_body_bytes, self.settings.max_form_fields
        pairs = read_form(environ, *limits, allow_multipart=address.allow_multipart)
        return OAuth2Request(environ, self.issuer_of(environ), Payload(pairs))


#: The server whose request is being answered.
current_server: ContextVar[AuthorizationServer] = ContextVar("current_server")


@contextmanager
def serving(server: AuthorizationServer, environ: Environ) -> Iterator[None]:
    """Make ``server`` and ``environ`` the current ones within a ``with`` block."""
    environ[FIND_ERROR_PAGES] = server.find_error_pages
    server_before, environ_before = current_server.set(server), current_environ.set(environ)
    try:
        yield
    finally:
        current_environ.reset(environ_before)
        current_server.reset(server_before)
