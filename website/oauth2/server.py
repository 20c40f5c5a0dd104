"""The authorization server of one application: its stores, its limits, and the registered specifications.

Specifications register their grants, endpoints, token formats and metadata on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from typing import Any

from .. import redirect_uris
from ..access import Access
from ..audit import Audit
from ..clients import Client, Clients
from ..clients.policy import ClientPolicy, Creator, policy_for
from ..database import Database
from ..database.cache_invalidation import CacheInvalidation
from ..errors.catalogue import ERROR_PAGES
from ..grants import Grants
from ..grants.activity import FAILED_AUTHENTICATION
from ..grants.codes import Codes
from ..grants.device_approvals import DeviceApprovals
from ..grants.device_codes import DeviceCodes
from ..grants.tokens import SEALED
from ..joining import Joining
from ..keys import KeyEncryption, Keys
from ..mail import Mail
from ..outbound import Outbound
from ..outbox import OutboxSender
from ..request_context import FIND_ERROR_PAGES, Environ, current_environ, is_local
from ..resources import Resources, ServerFacts
from ..resources.resource_identifiers import is_same_place
from ..scopes import OPENID
from ..sessions import CurrentLoginSession, LoginSessions
from ..settings import Settings
from ..users import Account, Accounts, HostFacts, Users
from .authorization_response import USUAL_MODES, AuthorizationResponses
from .client_authentication import ClientAuthentication
from .discovery_document import ServerMetadata
from .errors import ClientAuthenticationError, TooManyRequestsError
from .rate_limits import RateLimits
from .registry import Registry
from .requests import OAuth2Request
from .resource_tokens import ResourceTokens
from .token_acceptance import AccessTokens
from .token_claims import TokenClaims


class AuthorizationServer:
    """The provider of one application."""

    def __init__(
        self, settings: Settings, database: Database, users: Users | None = None, host: HostFacts | None = None
    ) -> None:
        self.settings = settings
        self.database = database
        self.audit = Audit(database)
        self.outbound = Outbound(settings)
        self.rate_limits = RateLimits(settings)
        self.cache_invalidation = changes = CacheInvalidation(database)
        encryption = KeyEncryption(settings.key_encryption_key, settings.key_encryption_key_fallbacks)
        self.mail = Mail(database, settings, is_embedded=users is not None, find_issuer=self.current_issuer)
        self.accounts = Accounts(
            database, changes, encryption, settings, self.audit, self.mail, lambda: self.registry.scopes, users, host
        )
        self.users = self.accounts.users
        self.access = Access(database, changes, self.audit, self.accounts)
        self.joining = Joining(database, settings, self.audit, self.mail, self.accounts, self.access)
        self.registry: Registry = Registry(settings, self.accounts.claims)
        self.metadata = ServerMetadata(self.registry, self.accounts.claims, settings.redirect_rules)
        algorithms = settings.signing_algorithms, settings.decryption_algorithms
        self.keys = Keys(database, encryption, changes, self.audit, *algorithms)
        self.clients = Clients(
            database,
            changes,
            encryption,
            self.audit,
            self.outbound,
            shows_logos=settings.client_logos,
            has_external_users=self.accounts.are_external,
        )
        self.resources = Resources(
            database,
            changes,
            self.audit,
            ServerFacts(
                settings,
                has_external_users=self.accounts.are_external,
                find_scopes=lambda: self.registry.scopes,
                find_formats=lambda: self.registry.token_formats,
                find_issuer=self.current_issuer,
                is_operator=self.accounts.is_operator,
            ),
        )
        self.sessions = LoginSessions(database, self.accounts, settings, self.audit)
        formats, rules, judges_users = self.registry.token_formats, self.access.rules, not self.accounts.are_external
        self.grants = Grants(database, settings, self.audit, self.keys, formats, rules, judges_users=judges_users)
        self.codes = Codes(database, self.audit, settings.authorization_code_seconds, judges_users=judges_users)
        self.device_codes = DeviceCodes(database, self.audit, judges_users=judges_users)
        self.device_approvals = DeviceApprovals(database, self.sessions, self.audit)
        self._begin_protocol(settings)

    def _begin_protocol(self, settings: Settings) -> None:
        """Create the request handlers, which use everything that specifications register later."""
        registry = self.registry
        registry.add_token_format(SEALED, self.grants.tokens.sealed)
        for mode, write in USUAL_MODES.items():
            registry.add_response_mode(mode, write)
        self.authorization_responses = AuthorizationResponses(registry.response_parameters, registry.response_modes)
        stores = self.grants, self.clients, self.accounts
        self.resource_tokens = ResourceTokens(self.resources, self.is_own_issuer, self.is_current_issuer)
        self.access_tokens = AccessTokens(registry.token_validators, *stores, self.resource_tokens)
        self.token_claims = TokenClaims(registry.token_claims, self.access_tokens, self.access.claim_maps)
        self.client_authentication = ClientAuthentication(
            self.clients, registry.client_authentication, explains=settings.demo
        )

    def client_policy(self, creator: Creator) -> ClientPolicy:
        """Return the policy for a creator's clients."""
        offered = self.metadata.offered
        if creator is Creator.STRANGER:  # clients register with the scopes of the API that sent them
            offered = replace(offered, resource_scopes=self.resources.open_scopes)
        return policy_for(creator, offered, tuple(self.registry.token_formats), self.settings)

    def lets_owner(self, client: Client) -> bool:
        """Tell whether a client's owner, if any, may still log in to the embedding application.

        We aren't notified when a user is disabled there, so we ask. Disabling our own accounts disables their clients.
        """
        if client.owner_subject is None or not self.accounts.are_external:
            return True
        user_id = self.accounts.subjects.user_id_of(client.owner_subject)
        return user_id is not None and self.users.find(user_id) is not None

    def query_client(self, client_id: str) -> Client | None:
        """Return the client with a client_id, unless it or its owner is disabled."""
        client = self.clients.find(client_id)
        return client if client is not None and self.lets_owner(client) else None

    def find_login(self, token: object) -> tuple[CurrentLoginSession, Account] | tuple[None, None]:
        """Return the login session of a cookie's value and its user; neither once the user may not log in."""
        if not isinstance(token, str):
            return None, None
        if not self.accounts.are_external:
            return self.sessions.find_with_account(token) or (None, None)
        login = self.sessions.find(token)
        account = self.users.find(login.user_id) if login is not None else None
        return (None, None) if login is None or account is None else (login, account)

    def authenticate_client(self, request: OAuth2Request, methods: Iterable[str], endpoint: str = "token") -> Client:
        """Authenticate the client of a request with one of these methods or one added by a specification.

        Raises :class:`ClientAuthenticationError`, and ``InvalidRequestError`` if it uses several.
        """
        try:
            return self.client_authentication(request, methods, endpoint)
        except ClientAuthenticationError as error:
            if error.client is not None:
                self.grants.activity.count(error.client, FAILED_AUTHENTICATION)
            raise

    def may_write_id_token(self, client: Client) -> bool:
        """Tell whether a client can get ID tokens at all."""
        return self.registry.id_token_writer is not None and OPENID in client.scope

    def subject_for(self, client: Client, subject: str) -> str:
        """Return a user's identifier for a client (OpenID Connect Core 1.0, section 8)."""
        of_type = self.registry.subject_types.get(client.subject_type)
        return subject if of_type is None else of_type(client, subject)

    def send_notices(self) -> None:
        """Send due logout notices and emails in the background, unless other processes do that."""
        if self.settings.sends_notices:
            for sender in self.outbox_senders():
                sender.nudge()

    def outbox_senders(self) -> list[OutboxSender[Any]]:
        """Return what sends logout notices and emails, as far as either is turned on."""
        notices = self.registry.logout_notices
        return [*([] if notices is None else [notices]), *([self.mail.sender] if self.mail.is_on else [])]

    def charge(self, limit: str, holder: str) -> None:
        """Count a request against the limit of its credential's holder. Raises :class:`TooManyRequestsError`."""
        wait = self.rate_limits.charge_holder(limit, holder)
        if wait:
            raise TooManyRequestsError(wait)

    # --- reading requests

    def issuer_of(self, environ: Environ) -> str:
        """Return the issuer identifier: the setting or, only in the demo, the request's scheme and host.

        In the demo admission.py lets only 127.0.0.1, [::1] and localhost through as Host.
        """
        if self.settings.issuer:
            return self.settings.issuer
        return f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '127.0.0.1')}{environ.get('SCRIPT_NAME', '')}"

    def current_issuer(self) -> str:
        """Return the issuer of the current request; in a command of the demo, which has no request, ""."""
        environ = current_environ.get(None)
        return self.settings.issuer or ("" if environ is None else self.issuer_of(environ))

    def find_error_pages(self, environ: Environ) -> str | None:
        """Return the base URL of the pages about error codes, or ``None`` if there are none.

        In the demo there is none for requests from elsewhere, as their Host header isn't checked.
        """
        if not self.settings.error_pages or not (self.settings.issuer or is_local(environ)):
            return None
        return self.issuer_of(environ) + ERROR_PAGES

    def is_current_issuer(self, identifier: str) -> bool:
        """Tell whether an issuer identifier is that of the current request; in the demo, by any name of its host."""
        issuer = self.current_issuer()
        return identifier == issuer or (not self.settings.issuer and is_same_place(identifier, issuer))

    def is_own_issuer(self, identifier: str) -> bool:
        """Tell whether an issuer identifier is ours; in the demo any on this computer, as its name and port vary."""
        if self.settings.issuer:
            return identifier == self.settings.issuer
        return _is_on_this_computer(identifier)


@lru_cache(maxsize=16)
def _is_on_this_computer(issuer: str) -> bool:
    return redirect_uris.is_loopback_or_private(issuer) and issuer.startswith(("http://", "https://"))


#: The server of the current request.
current_server: ContextVar[AuthorizationServer] = ContextVar("current_server")


class Serving:
    """A context manager that sets the current server and environ."""

    # Not a generator, which would take three times as long, for every request.
    __slots__ = ("_environ", "_environ_before", "_server", "_server_before")

    def __init__(self, server: AuthorizationServer, environ: Environ) -> None:
        self._server = server
        self._environ = environ

    def __enter__(self) -> None:
        self._environ[FIND_ERROR_PAGES] = self._server.find_error_pages
        self._server_before = current_server.set(self._server)
        self._environ_before = current_environ.set(self._environ)

    def __exit__(self, *_raised: object) -> None:
        current_environ.reset(self._environ_before)
        current_server.reset(self._server_before)
