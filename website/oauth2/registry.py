"""The registry: what specifications add to a server. Each kind of extension has one verb, ``add_...`` or ``wrap_...``.

A specification registers all that it brings, its own metadata too: what is switched off leaves nothing behind. Nothing
that is registered gives way to another without a word: the start stops, naming both specifications.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..clients import Client
from ..clients.field_checks import FieldCheck
from ..clients.registration import OWN_FIELDS
from ..grants.tokens import AccessTokenFormat
from ..sessions.logout_notices import LogoutNotices
from ..settings import Settings, SettingsError
from ..users.user_claims import ClaimFunction, UserClaims
from .addresses import Address, folder_of
from .protocols import (
    ClientAuthenticationMethod,
    Handler,
    ReadRequest,
    ResponseMode,
    ResponseParameter,
    TokenValidator,
    WriteIDToken,
)
from .response_type import CodeBinding, ResponseType
from .token_claims import TokenClaimFunction, check_claim_name
from .token_grant import TokenGrant, check_shape

#: Who registered what no specification did.
SERVER = "the server itself"


class Registry:
    """Everything that specifications registered on one server."""

    def __init__(self, settings: Settings, user_claims: UserClaims) -> None:
        self._user_claims = user_claims
        #: The specification that is registering now, and which one registered each thing, by kind and name.
        self.registering = SERVER
        self._owners: dict[tuple[str, str], str] = {}
        #: Those that are registered, in order.
        self.specifications: list[str] = []
        #: By path; where that ends in ``<name>``, by the folder.
        self.addresses: dict[str, Address] = {}
        #: Paths by the key under which discovery names them.
        self.named_addresses: dict[str, str] = {}
        #: The built-in methods by which clients authenticate at an address, by its key of metadata.
        self.authenticating: dict[str, tuple[str, ...]] = {}
        self.client_authentication: list[ClientAuthenticationMethod] = []
        self.metadata: dict[str, Any] = {}
        self.default_metadata: dict[str, Any] = {}
        #: The supported scopes, each with its description for people.
        self.scopes: Mapping[str, str] = settings.scopes
        #: The fields of a registration (:rfc:`7591#section-2`) beside those that every client has.
        self.client_fields: dict[str, FieldCheck] = {}
        #: What an authorization request may say; anything else is ignored. What is unkept, as it is a secret or a
        #: reference, is not stored while the request waits for a person.
        self.authorization_parameters: set[str] = set()
        self.unkept_parameters: set[str] = set()
        self.authorization_request_sources: list[ReadRequest] = []
        self.authorization_request_extensions: list[ReadRequest] = []
        self.response_parameters: list[ResponseParameter] = []
        self.response_modes: dict[str, ResponseMode] = {}
        #: What answers a token request, by its ``grant_type``, and an authorization request, by its ``response_type``,
        #: the values in alphabetical order.
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
        self.logout_notices: LogoutNotices | None = None
        for name, check in OWN_FIELDS.items():
            self.add_client_field(name, check)

    def _own(self, kind: str, name: str = "") -> None:
        """Record who registers something. Raises :class:`SettingsError` if something else has."""
        owner = self._owners.setdefault((kind, name), "")
        if owner:
            what = f"{kind} {name}".rstrip()
            raise SettingsError(f"OAUTH2_SPECS: {self.registering} registers the {what}, as {owner} does already.")
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
        """Serve a path as a protocol endpoint; ``metadata`` is the key under which discovery names it.

        A path that ends in ``<name>`` stands for every path with something in that place. ``cors`` lets scripts of
        other origins call it: of ``ANY`` origin, or of ``REGISTERED`` ones. ``auth_methods`` are those of the
        built-in methods by which clients authenticate there; discovery names them and every method that is added.
        """
        self._keep_address(Address(path, name, (*handlers,), handlers, multipart, takes_json, cors, host_wide))
        if metadata:
            self._name_address(metadata, path)
        if auth_methods:
            self.authenticating[metadata] = tuple(auth_methods)

    def add_page(
        self, path: str, name: str, *, metadata: str = "", methods: Iterable[str] = ("GET", "POST"), cors: str = ""
    ) -> None:
        """Have discovery name the address of a page, or let scripts of other origins call it."""
        self._keep_address(Address(path, name, tuple(methods), {}, cors=cors))
        if metadata:
            self._name_address(metadata, path)

    def _keep_address(self, address: Address) -> None:
        self._own("address", address.path)
        self.addresses[folder_of(address.path) if address.path.endswith(">") else address.path] = address

    def _name_address(self, metadata: str, path: str) -> None:
        self._own("metadata", metadata)
        self.named_addresses[metadata] = path

    def find_address(self, path: str) -> Address | None:
        """Return what is registered for a path, ``None`` where nothing is."""
        return self.addresses.get(path) or self.addresses.get(folder_of(path))

    def add_metadata(self, **values: Any) -> None:
        """Add to what discovery says (:rfc:`8414#section-2`): lists grow, anything else is said once."""
        for name, value in values.items():
            former = self.metadata.get(name)
            if isinstance(former, list) and isinstance(value, list):
                self.metadata[name] = [*former, *(item for item in value if item not in former)]
            elif name not in self.metadata or former != value:
                self._own("metadata", name)
                self.metadata[name] = value

    def add_default_metadata(self, **values: Any) -> None:
        """Say what discovery says under a key for which no specification says anything else."""
        for name, value in values.items():
            self._own("default metadata", name)
            self.default_metadata[name] = value

    # --- clients

    def add_client_field(self, name: str, check: FieldCheck) -> None:
        """Let clients register one more field; ``check`` says what is wrong with a value, in the whole of the rest.

        Several specifications may need the same field, with the same check.
        """
        if self.client_fields.get(name) != check:
            self._own("client field", name)
            self.client_fields[name] = check

    def add_client_authentication(self, method: ClientAuthenticationMethod) -> None:
        """Let clients authenticate in one more way, at each address where a secret would do."""
        for name in method.names:
            self._own("client authentication method", name)
        self.client_authentication.append(method)

    def add_session_field(self, name: str) -> None:
        """Name the field of clients that want to be told when a login has ended of which they know by an ID token."""
        self.session_fields.add(name)

    # --- authorization requests and responses

    def add_scopes(self, words: Mapping[str, str]) -> None:
        """Add scopes with their descriptions for people; a known scope keeps its description."""
        self.scopes = {**words, **self.scopes}

    def add_authorization_parameters(self, *names: str, kept: bool = True) -> None:
        """Read more parameters of authorization requests; one is ``kept`` while the request waits for a person."""
        self.authorization_parameters.update(names)
        if not kept:
            self.unkept_parameters.update(names)

    def add_authorization_request_source(self, read: ReadRequest) -> None:
        """Put what a request only points to, once its client is known, in place of what the browser brought."""
        self.authorization_request_sources.append(read)

    def add_authorization_request_extension(self, read: ReadRequest) -> None:
        """Read more of a request whose client and redirect URI are verified, whatever its response type."""
        self.authorization_request_extensions.append(read)

    def add_response_parameter(self, find: ResponseParameter) -> None:
        """Have every authorization response, errors included, carry one more parameter."""
        self.response_parameters.append(find)

    def add_response_mode(self, name: str, write: ResponseMode) -> None:
        """Add a response mode that clients can choose for every response type."""
        self._own("response mode", name)
        self.response_modes[name] = write

    def wrap_response_mode(self, name: str, wrap: Callable[[ResponseMode], ResponseMode]) -> None:
        """Decorate what writes the responses of a mode."""
        self.response_modes[name] = wrap(self._find("response mode", name, self.response_modes.get(name)))

    # --- grants

    def add_grant(self, grant: TokenGrant[Any]) -> None:
        """Take one more grant at the token endpoint. Raises :class:`SettingsError` for one of Authlib's shape."""
        check_shape(grant)
        self._own("grant type", grant.GRANT_TYPE)
        self.grant_types[grant.GRANT_TYPE] = grant
        self.add_metadata(grant_types_supported=[grant.GRANT_TYPE])

    def add_response_type(self, name: str, response_type: ResponseType) -> None:
        """Answer one more response type at the authorization endpoint."""
        self._own("response type", name)
        self.response_types[" ".join(sorted(name.split()))] = response_type
        self.add_metadata(response_types_supported=[name])

    def add_code_binding(self, binding: CodeBinding) -> None:
        """Bind every code to something that only the client that started the request can prove."""
        self.code_bindings.append(binding)

    # --- tokens and claims

    def add_subject_type(self, name: str, find_subject: Callable[[Client, str], str]) -> None:
        """Say what clients of a ``subject_type`` know a user by; for any other it is the subject itself."""
        self._own("subject type", name)
        self.subject_types[name] = find_subject

    def add_token_format(self, name: str, token_format: AccessTokenFormat) -> None:
        """Let access tokens travel in one more form."""
        self._own("token format", name)
        self.token_formats[name] = token_format

    def add_token_validator(self, scheme: str, validator: TokenValidator) -> None:
        """Take access tokens of one more scheme of the Authorization header, given in lower case."""
        self._own("token validator", scheme)
        self.token_validators[scheme] = validator

    def wrap_token_validator(self, scheme: str, wrap: Callable[[TokenValidator], TokenValidator]) -> None:
        """Decorate what judges the tokens of a scheme and writes its challenges."""
        self.token_validators[scheme] = wrap(self._find("token validator", scheme, self.token_validators.get(scheme)))

    def add_token_claim(self, name: str, find_claim: TokenClaimFunction) -> None:
        """Have access tokens say one thing more, in introspection answers and JWTs: what ``find_claim`` returns.

        It takes a ``LiveToken`` and returns what JSON can hold, ``None`` for nothing.
        """
        check_claim_name(name)
        self._own("token claim", name)
        self.token_claims[name] = find_claim

    def add_user_claim(self, name: str, find_claim: ClaimFunction | None = None, *, scope: str = "profile") -> None:
        """Tell clients one more claim of each user who granted ``scope``, in UserInfo and ID tokens.

        ``find_claim`` takes an ``Account`` and returns what JSON can hold, ``None`` for nothing; without it the claim
        comes from the ``claims()`` of the users.
        """
        self._own("user claim", name)
        self._user_claims.add(name, find_claim, scope=scope)

    def add_id_token_writer(self, writer: WriteIDToken) -> None:
        """Write ID tokens (OpenID Connect Core 1.0, section 2)."""
        self._own("ID token writer")
        self.id_token_writer = writer

    def wrap_id_token_writer(self, wrap: Callable[[WriteIDToken], WriteIDToken]) -> None:
        """Decorate what writes ID tokens."""
        self.id_token_writer = wrap(self._find("ID token writer", "", self.id_token_writer))

    # --- logins and logouts

    def add_login_address(self, find_address: Callable[[Client, str], str | None]) -> None:
        """Say where a person begins to log in to a client, by the client and our issuer."""
        self._own("login address")
        self.login_address = find_address

    def add_logout_frames(self, find_addresses: Callable[[str], list[str]]) -> None:
        """Open addresses in frames after a logout, by the login that ended."""
        self.logout_frames.append(find_addresses)

    def add_logout_notices(self, notices: LogoutNotices) -> None:
        """Tell clients of logins that have ended, beside the requests."""
        self._own("logout notices")
        self.logout_notices = notices

    def _find(self, kind: str, name: str, thing: Any) -> Any:
        """Return a thing that is to be wrapped. Raises :class:`SettingsError` where there is none."""
        if thing is None:
            what = f"{kind} {name}".rstrip()
            raise SettingsError(f"OAUTH2_SPECS: {self.registering} wraps the {what}; name what adds it in REQUIRES.")
        return thing
