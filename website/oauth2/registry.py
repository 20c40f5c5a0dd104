"""Owns what specifications register on the server: addresses, metadata, client fields, scopes, parts of a request.

Each one registers what it brings, and its own metadata with it: what is switched off leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from ..clients import Client
from ..clients.field_checks import FieldCheck
from ..clients.metadata import Offered
from ..clients.origins import Cors, folder_of
from ..clients.registration import OWN_FIELDS
from ..sessions.logout_notices import LogoutNotices
from ..settings import Settings, SettingsError
from ..users.user_claims import UserClaims
from .protocols import Handler, WriteIDToken
from .requests import OAuth2Request
from .response_type import CodeBinding, ResponseType
from .token_grant import TokenGrant, check_shape


@dataclass(frozen=True, slots=True)
class Address:
    """One protocol address: what answers which method, and how its request is read."""

    path: str
    name: str
    methods: Mapping[str, Handler]
    allow_multipart: bool = False
    #: Whether its bodies are JSON; anywhere else they are forms.
    takes_json: bool = False


class ExtensionPoints:
    """What the specifications of one server registered."""

    cors: Cors
    user_claims: UserClaims

    def prepare(self, settings: Settings) -> None:
        """Begin with nothing but the scopes of the settings."""
        #: The scope values that are known, each with the words that people read.
        self.scopes: Mapping[str, str] = settings.scopes
        #: What redirect URIs may be beside those that the standards name.
        self.redirect_rules = settings.redirect_rules
        self.addresses: dict[str, Address] = {}
        #: Of these, what is at the root of the host where the provider is one application's part.
        self.host_wide_addresses: set[str] = set()
        self.specifications: list[str] = []
        #: What an authorization request may say; anything else is ignored, and kept nowhere.
        self.authorization_parameters: set[str] = set()
        #: Of these, what is kept nowhere while a request waits: secrets.
        self.unkept_parameters: set[str] = set()
        #: Put what a request only points to, once its client is known, in place of what the browser brought.
        self.authorization_request_sources: list[Callable[[OAuth2Request], None]] = []
        #: Read more of an authorization request whose client and redirect URI are verified, whatever its response type.
        self.authorization_request_extensions: list[Callable[[OAuth2Request], None]] = []
        #: What clients know a user by, for each ``subject_type``; for any other it is the subject itself.
        self.subject_types: dict[str, Callable[[Client, str], str]] = {}
        #: Tells where a person begins to log in to a client, where that is switched on.
        self.login_address: Callable[[Client, str], str | None] = lambda _client, _issuer: None
        #: The fields of clients that want to be told when a login has ended of which they know by an ID token.
        self.session_fields: set[str] = set()
        #: What is opened in frames after a logout, by the login that ended.
        self.logout_frames: Callable[[str], list[str]] = lambda _session: []
        #: What sends clients such notices, where that is switched on.
        self.logout_notices: LogoutNotices | None = None
        #: What writes ID tokens, where that is switched on (OpenID Connect Core 1.0, section 2).
        self.write_id_token: WriteIDToken | None = None
        #: The fields of a registration (:rfc:`7591#section-2`) beside those that every client has, each with its judge;
        #: specifications add theirs.
        self.client_metadata_checks: dict[str, FieldCheck] = {**OWN_FIELDS}
        #: What answers a token request, by the ``grant_type`` that it names.
        self.grant_types: dict[str, TokenGrant[Any]] = {}
        #: What answers an authorization request, by its ``response_type``, the values in alphabetical order.
        self.response_types: dict[str, ResponseType] = {}
        #: What binds a code to whoever began the request, in the order in which they were added.
        self.code_bindings: list[CodeBinding] = []
        self._metadata: dict[str, Any] = {}
        self.named_addresses: dict[str, str] = {}
        self.describe = lru_cache(maxsize=16)(self._describe)

    def register_address(
        self,
        path: str,
        name: str,
        methods: Mapping[str, Handler],
        *,
        metadata: str = "",
        multipart: bool = False,
        takes_json: bool = False,
        cors: str = "",
    ) -> None:
        """Serve a path at the machines' door; ``metadata`` is the key under which discovery names it.

        A path that ends in ``<name>`` stands for every path with something in that place. ``cors`` lets scripts of
        other origins call it: ``cors.ANY`` origin, or ``cors.REGISTERED`` ones.
        """
        known_as = folder_of(path) if path.endswith(">") else path
        self.addresses[known_as] = Address(path, name, methods, multipart, takes_json)
        if cors:
            self.cors.open(known_as, methods, cors)
        if metadata:
            self.named_addresses[metadata] = path

    def find_address(self, path: str) -> Address | None:
        """Return what answers a path, or ``None`` where the machines' door has nothing there."""
        return self.addresses.get(path) or self.addresses.get(folder_of(path))

    def name_address(self, metadata: str, path: str) -> None:
        """Have discovery name an address of the people's door."""
        self.named_addresses[metadata] = path

    def add_grant(self, grant: TokenGrant[Any]) -> None:
        """Take one more grant at the token endpoint, and have discovery say so.

        Raises :class:`SettingsError` for a grant of Authlib's shape, and where the grant type is taken.
        """
        check_shape(grant)
        existing = self.grant_types.setdefault(grant.GRANT_TYPE, grant)
        if existing is not grant:
            both = f"{type(existing).__name__} and {type(grant).__name__}"
            raise SettingsError(f"Two grants are registered for the grant_type {grant.GRANT_TYPE}: {both}.")
        self.add_metadata(grant_types_supported=[grant.GRANT_TYPE])

    def add_response_type(self, name: str, response_type: ResponseType) -> None:
        """Answer one more response type at the authorization endpoint, and have discovery say so.

        Raises :class:`SettingsError` where it is taken.
        """
        existing = self.response_types.setdefault(" ".join(sorted(name.split())), response_type)
        if existing is not response_type:
            both = f"{type(existing).__name__} and {type(response_type).__name__}"
            raise SettingsError(f"Two classes are registered for the response_type {name}: {both}.")
        self.add_metadata(response_types_supported=[name])

    def add_code_binding(self, binding: CodeBinding) -> None:
        """Bind every code to one more thing that only the client that began the request can show."""
        self.code_bindings.append(binding)

    def add_scopes(self, words: Mapping[str, str]) -> None:
        """Make scope values known, with the words that people read; where a value is known already, its words stay."""
        self.scopes = {**words, **self.scopes}

    def add_client_field(self, name: str, check: FieldCheck) -> None:
        """Let clients register one more field; ``check`` says what is wrong with a value, in the whole of the rest."""
        self.client_metadata_checks[name] = check

    def add_metadata(self, **values: Any) -> None:
        """Add to what discovery says (:rfc:`8414#section-2`): lists grow, anything else is set."""
        for name, value in values.items():
            held = self._metadata.get(name)
            self._metadata[name] = [*held, *(item for item in value if item not in held)] if held else value

    def _describe(self, issuer: str) -> dict[str, Any]:
        """Return the metadata under an issuer. Cached as ``describe``."""
        addresses = {name: issuer + path for name, path in self.named_addresses.items()}
        scopes = {"scopes_supported": list(self.scopes)} if self.scopes else {}
        described = {"issuer": issuer, **addresses, **scopes, **self._metadata}
        if "claims_supported" in described:
            # Those of one's own are added by modules that register after ours.
            own = self.user_claims.supported_own(self.scopes)
            described["claims_supported"] = [*described["claims_supported"], *own]
        return described

    @cached_property
    def offered(self) -> Offered:
        """What clients may register: what the specifications switched on."""
        held = self._metadata
        return Offered(
            grant_types=tuple(held.get("grant_types_supported", ())),
            response_types=tuple(held.get("response_types_supported", ())),
            auth_methods=tuple(held.get("token_endpoint_auth_methods_supported", ("none",))),
            scopes=tuple(self.scopes),
            known_scopes=tuple(self.scopes),
            fields=self.client_metadata_checks,
            redirect_rules=self.redirect_rules,
        )

    def withdraw_unreachable(self) -> None:
        """Stop offering what no address leads to: grants and response types whose endpoint is switched off."""
        unreachable = set()
        if "authorization_endpoint" not in self.named_addresses:
            unreachable |= {"authorization_code", "implicit"}
            self._metadata.pop("response_types_supported", None)
            self._metadata.pop("response_modes_supported", None)
        if "token_endpoint" not in self.named_addresses:
            unreachable |= set(self._metadata.get("grant_types_supported", ())) - {"implicit"}
        held = self._metadata.get("grant_types_supported", [])
        self._metadata["grant_types_supported"] = [name for name in held if name not in unreachable]
