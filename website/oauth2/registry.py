"""The registry of extensions. Each kind of extension has one verb, ``add_...`` or ``wrap_...``.

A specification registers everything it adds, including its metadata, so that a disabled one leaves nothing behind.
Nothing can replace an existing registration: start-up fails with an error that names both specifications.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..clients import Client
from ..clients.field_checks import FieldCheck
from ..clients.registration import OWN_FIELDS
from ..grants.tokens import AccessTokenFormat
from ..sessions.logout_outbox import LogoutOutbox
from ..settings import Settings, SettingsError
from ..users.claims_by_scope import UserClaim, UserClaims
from .endpoint_addresses import Address, Addresses
from .response_type_interface import CodeBinding, ResponseType
from .spec_interfaces import (
    ClientAuthenticationMethod,
    ClientSource,
    Handler,
    ReadRequest,
    ResponseMode,
    ResponseParameter,
    TokenValidator,
    WriteIDToken,
)
from .token_claims import TokenClaimFunction, check_claim_name
from .token_grant import TokenGrant, check_shape

#: The owner of registrations without a specification.
SERVER = "the server itself"


class Registry:
    """Everything that specifications registered on one server."""

    def __init__(self, settings: Settings, user_claims: UserClaims) -> None:
        self._user_claims = user_claims
        #: The specification that is currently registering, and the owner of each registration by kind and name.
        self.registering, self._owners = SERVER, dict[tuple[str, str], str]()
        #: The registered specifications in order.
        self.specifications: list[str] = []
        self.addresses = Addresses()
        #: Paths by their key in discovery.
        self.named_addresses: dict[str, str] = {}
        #: The built-in client authentication methods of each endpoint, by its key in discovery.
        self.authenticating: dict[str, tuple[str, ...]] = {}
        self.client_authentication: list[ClientAuthenticationMethod] = []
        self.client_sources: list[ClientSource] = []
        self.metadata: dict[str, Any] = {}
        self.default_metadata: dict[str, Any] = {}
        #: The supported scopes, each with its description for people: those of specifications, then the settings'.
        self.scopes: Mapping[str, str] = settings.scopes
        self._scopes_of_settings, self._scopes_of_specifications = settings.scopes, dict[str, str]()
        #: Additional registration fields (:rfc:`7591#section-2`).
        self.client_fields: dict[str, FieldCheck] = {}
        #: The known parameters of authorization requests. Unkept ones aren't stored while it waits for a person.
        self.authorization_parameters, self.unkept_parameters = set[str](), set[str]()
        self.authorization_request_sources: list[ReadRequest] = []
        self.authorization_request_extensions: list[ReadRequest] = []
        self.resource_reader: ReadRequest | None = None
        self.response_parameters: list[ResponseParameter] = []
        self.response_modes: dict[str, ResponseMode] = {}
        #: By ``grant_type``, and by ``response_type`` with its values in alphabetical order.
        self.grant_types: dict[str, TokenGrant[Any]] = {}
        self.response_types: dict[str, ResponseType] = {}
        self.code_bindings: list[CodeBinding] = []
        self.subject_types: dict[str, Callable[[Client, str], str]] = {}
        self.token_formats: dict[str, AccessTokenFormat] = {}
        self.token_validators: dict[str, TokenValidator] = {}
        self.token_claims: dict[str, TokenClaimFunction] = {}
        self.id_token_writer: WriteIDToken | None = None
        self.login_address: Callable[[Client, str], str | None] = lambda _client, _issuer: None
        self.session_fields: set[str] = set()
        self.logout_frames: list[Callable[[str], list[str]]] = []
        self.logout_notices: LogoutOutbox | None = None
        for name, check in OWN_FIELDS.items():
            self.add_client_field(name, check)

    def _own(self, kind: str, name: str = "") -> None:
        """Record the owner of a registration. Raises :class:`SettingsError` if it is already registered."""
        owner, what = self._owners.setdefault((kind, name), ""), f"{kind} {name}".rstrip()
        if owner:
            raise SettingsError(f"OAUTH2_SPECS: {self.registering} registers the {what}, but {owner} already does.")
        self._owners[kind, name] = self.registering

    # --- addresses and metadata

    def add_address(
        self,
        path: str,
        name: str,
        handlers: Mapping[str, Handler],
        *,
        metadata: str = "",
        auth_methods: Iterable[str] = (),
        multipart: bool = False,
        takes_json: bool = False,
        cors: str = "",
        host_wide: bool = False,
    ) -> None:
        """Add a protocol endpoint; ``metadata`` is its key in discovery.

        A path that ends in ``<name>`` matches any last segment. ``cors`` lets scripts of other origins call it: ``ANY``
        origin, or ``REGISTERED`` ones. ``auth_methods`` are the accepted built-in client authentication methods;
        discovery lists them and all added ones.
        """
        self._keep_address(Address(path, name, (*handlers,), handlers, multipart, takes_json, cors, host_wide))
        if metadata:
            self._name_address(metadata, path)
        if auth_methods:
            self.authenticating[metadata] = tuple(auth_methods)

    def add_page(
        self, path: str, name: str, *, metadata: str = "", methods: Iterable[str] = ("GET", "POST"), cors: str = ""
    ) -> None:
        """Add a page's URL to discovery, or let scripts of other origins call it."""
        self._keep_address(Address(path, name, tuple(methods), {}, cors=cors))
        if metadata:
            self._name_address(metadata, path)

    def _keep_address(self, address: Address) -> None:
        self._own("address", address.key)
        self.addresses.add(address)

    def _name_address(self, metadata: str, path: str) -> None:
        self._own("metadata", metadata)
        self.named_addresses[metadata] = path

    def add_metadata(self, **values: Any) -> None:
        """Add values to discovery (:rfc:`8414#section-2`): lists are extended, others may only be set once."""
        for name, value in values.items():
            former = self.metadata.get(name)
            if isinstance(former, list) and isinstance(value, list):
                self.metadata[name] = [*former, *(item for item in value if item not in former)]
            elif name not in self.metadata or former != value:
                self._own("metadata", name)
                self.metadata[name] = value

    def add_default_metadata(self, **values: Any) -> None:
        """Set default values for discovery, used if no specification adds a value."""
        for name, value in values.items():
            self._own("default metadata", name)
            self.default_metadata[name] = value

    # --- clients

    def add_client_field(self, name: str, check: FieldCheck) -> None:
        """Add a field that ``check`` validates, with the complete metadata; several may add it with the same check."""
        if self.client_fields.get(name) != check:
            self._own("client field", name)
            self.client_fields[name] = check

    def add_client_authentication(self, method: ClientAuthenticationMethod) -> None:
        """Add a client authentication method, accepted at every endpoint that accepts a secret."""
        for name in method.names:
            self._own("client authentication method", name)
        self.client_authentication.append(method)

    def add_client_source(self, source: ClientSource) -> None:
        """Add a source of clients that don't have to be registered here."""
        self.client_sources.append(source)

    def add_session_field(self, name: str) -> None:
        """Add the name of a client field that requests notification when a login session ends."""
        self.session_fields.add(name)

    # --- authorization requests and responses

    def add_scopes(self, words: Mapping[str, str]) -> None:
        """Add scopes with their descriptions for people; a known scope keeps its description."""
        self._scopes_of_specifications |= {**words, **self._scopes_of_specifications}
        self.scopes = {**self._scopes_of_specifications, **self._scopes_of_settings}

    def add_authorization_parameters(self, *names: str, kept: bool = True) -> None:
        """Add parameters of authorization requests; ``kept`` ones are stored while the request waits for a person."""
        self.authorization_parameters.update(names)
        if not kept:
            self.unkept_parameters.update(names)

    def add_authorization_request_source(self, read: ReadRequest) -> None:
        """Add a function that replaces references in a request, once its client is known."""
        self.authorization_request_sources.append(read)

    def add_authorization_request_extension(self, read: ReadRequest) -> None:
        """Add a function that reads parameters once client and redirect URI are verified, for all response types."""
        self.authorization_request_extensions.append(read)

    def add_resource_reader(self, read: ReadRequest) -> None:
        """Set the function that reads which APIs a request is for, at the authorization and the token endpoint."""
        self._own("resource reader")
        self.resource_reader = read

    def add_response_parameter(self, find: ResponseParameter) -> None:
        """Add a parameter to every authorization response, including errors."""
        self.response_parameters.append(find)

    def add_response_mode(self, name: str, write: ResponseMode) -> None:
        """Add a response mode that clients can choose for every response type."""
        self._own("response mode", name)
        self.response_modes[name] = write

    def wrap_response_mode(self, name: str, wrap: Callable[[ResponseMode], ResponseMode]) -> None:
        """Wrap the function that writes the responses of a mode."""
        self.response_modes[name] = wrap(self._find("response mode", name, self.response_modes.get(name)))

    # --- grants

    def add_grant(self, grant: TokenGrant[Any]) -> None:
        """Add a grant to the token endpoint. Raises :class:`SettingsError` for one with Authlib's interface."""
        check_shape(grant)
        self._own("grant type", grant.GRANT_TYPE)
        self.grant_types[grant.GRANT_TYPE] = grant
        self.add_metadata(grant_types_supported=[grant.GRANT_TYPE])

    def add_response_type(self, name: str, response_type: ResponseType) -> None:
        """Add a response type to the authorization endpoint."""
        values = " ".join(sorted(name.split()))  # whose order has no meaning (RFC 6749, section 3.1.1)
        self._own("response type", values)
        self.response_types[values] = response_type
        self.add_metadata(response_types_supported=[name])

    def add_code_binding(self, binding: CodeBinding) -> None:
        """Bind every code to something that only the client that started the request can prove."""
        self.code_bindings.append(binding)

    # --- tokens and claims

    def add_subject_type(self, name: str, find_subject: Callable[[Client, str], str]) -> None:
        """Add a function that returns a user's identifier for clients with a ``subject_type``."""
        self._own("subject type", name)
        self.subject_types[name] = find_subject

    def add_token_format(self, name: str, token_format: AccessTokenFormat) -> None:
        """Add a format for access tokens."""
        self._own("token format", name)
        self.token_formats[name] = token_format

    def add_token_validator(self, scheme: str, validator: TokenValidator) -> None:
        """Add an Authorization scheme, in lower case, for access tokens."""
        self._own("token validator", scheme)
        self.token_validators[scheme] = validator

    def wrap_token_validator(self, scheme: str, wrap: Callable[[TokenValidator], TokenValidator]) -> None:
        """Wrap the validator of a scheme, which checks tokens and writes challenges."""
        self.token_validators[scheme] = wrap(self._find("token validator", scheme, self.token_validators.get(scheme)))

    def add_token_claim(self, name: str, find_claim: TokenClaimFunction, *, is_standard: bool = False) -> None:
        """Add a claim to access tokens, in introspection responses and JWTs.

        ``find_claim`` takes a ``LiveToken`` and returns a JSON value, or ``None`` to omit the claim.
        """
        check_claim_name(name, is_standard)
        self._own("token claim", name)
        self.token_claims[name] = find_claim

    def add_user_claim(self, name: str, find_claim: UserClaim | None = None, *, scope: str = "profile") -> None:
        """Add a claim about users to ``scope``, in UserInfo and ID tokens.

        ``find_claim`` takes an ``Account`` and returns a JSON value, or ``None`` to omit the claim; without it, the
        claim comes from the users' ``claims()``, and with a ``ClaimOfClient`` it depends on the client that gets it.
        """
        self._own("user claim", name)
        self._user_claims.add(name, find_claim, scope=scope)

    def add_id_token_writer(self, writer: WriteIDToken) -> None:
        """Set the writer of ID tokens (OpenID Connect Core 1.0, section 2)."""
        self._own("ID token writer")
        self.id_token_writer = writer

    def wrap_id_token_writer(self, wrap: Callable[[WriteIDToken], WriteIDToken]) -> None:
        """Wrap the writer of ID tokens."""
        self.id_token_writer = wrap(self._find("ID token writer", "", self.id_token_writer))

    # --- logins and logouts

    def add_login_address(self, find_address: Callable[[Client, str], str | None]) -> None:
        """Set the function that returns the URL for starting a login to a client."""
        self._own("login address")
        self.login_address = find_address

    def add_logout_frames(self, find_addresses: Callable[[str], list[str]]) -> None:
        """Set the function that returns the URLs to open in frames after the logout of a session."""
        self.logout_frames.append(find_addresses)

    def add_logout_notices(self, notices: LogoutOutbox) -> None:
        """Set the sender of logout notices."""
        self._own("logout notices")
        self.logout_notices = notices

    def _find(self, kind: str, name: str, thing: Any) -> Any:
        """Return the registration to wrap. Raises :class:`SettingsError` if there is none."""
        if thing is None:
            wraps = f"{self.registering} wraps the {kind} {name}".rstrip()
            raise SettingsError(f"OAUTH2_SPECS: {wraps}; list the specification that adds it in REQUIRES.")
        return thing
