"""A client as seen by the protocol: its registered metadata and its operator's decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from .. import clock, redirect_uris, response_types
from .document_urls import is_document_url
from .secret_comparison import is_valid_secret

#: Authentication methods without a secret.
WITHOUT_SECRET = ("none", "private_key_jwt")


#: The two methods that send the secret itself, and the name on pages and in commands for allowing both.
BY_SECRET, EITHER_WAY = frozenset(("client_secret_basic", "client_secret_post")), "client_secret"


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A client as seen by the protocol: immutable, so that requests can share it."""

    id: str
    client_id: str
    client_name: str
    client_uri: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    scope: tuple[str, ...]
    token_endpoint_auth_method: str
    secrets: tuple[tuple[str, int | None], ...]
    #: For a client that signs with its secret: row id, encrypted secret and expiry of each.
    encrypted_secrets: tuple[tuple[str, bytes, int | None], ...]
    owner_subject: str | None
    is_first_party: bool
    pkce_required: bool | None
    access_token_format: str
    access_token_alg: str | None
    #: Whether its secret is accepted both in the header and in the body.
    secret_either_way: bool
    #: Origins of its pages in addition to those of its redirect URIs.
    extra_origins: tuple[str, ...]
    may_introspect: bool
    claims_in_id_token: bool
    subject_type: str
    #: The sector of a pairwise client, which determines its identifiers for users; "" for others.
    sector: str
    #: Whether its grants with ``openid`` end with the login, if its operator decided that.
    ends_with_login: bool | None
    #: Whether pages show its logo, if its operator decided that.
    shows_logo: bool | None
    #: Whether everybody's home page lists it, if its operator decided that.
    is_listed: bool | None
    is_self_registered: bool
    #: Whether only members of its groups may use it.
    is_restricted: bool
    #: The authentication context class that a login needs for it, if any.
    required_acr: str | None
    #: The claims that it gets in addition, as its row has them.
    claim_maps: tuple[Mapping[str, Any], ...]
    registration_token_hash: str | None
    unused_until: int | None
    token_epoch: int
    created_at: int
    disabled_at: int | None
    #: All its registered metadata (:rfc:`7591#section-2`); frequently used members are also fields above.
    metadata: Mapping[str, Any]
    #: Whether its metadata comes from a document at its client_id (``document_urls.py``), which every request asks.
    is_document: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_document", is_document_url(self.client_id))

    @property
    def is_public(self) -> bool:
        return self.token_endpoint_auth_method == "none"

    @property
    def needs_secret(self) -> bool:
        return needs_secret(self.metadata)

    @property
    def lacks_secret(self) -> bool:
        """Tell whether it needs a secret that it doesn't have: any secret, or a stored one for signing."""
        if not self.needs_secret:
            return False
        secrets = [*self.encrypted_secrets] if signs_by_secret(self.metadata) else [*self.secrets]
        return all(secret[-1] is not None and secret[-1] <= clock.now() for secret in secrets)

    @property
    def is_enabled(self) -> bool:
        """Tell whether it can get tokens: it isn't disabled, and isn't an unused client that has expired."""
        return self.disabled_at is None and (self.unused_until is None or self.unused_until > clock.now())

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Return the redirect URI for a request without one: the registered one, if there is only one."""
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None

    @property
    def is_known_as_web(self) -> bool:
        """Tell whether its owner or an operator declared it a web application: its own claim may be wrong."""
        return self.metadata.get("application_type") == "web" and not self.is_self_registered

    @property
    def may_show_logo(self) -> bool:
        """Tell whether pages may show its logo: a client that registered itself may use somebody else's."""
        is_allowed = not self.is_self_registered if self.shows_logo is None else self.shows_logo
        return is_allowed and (bool(self.metadata.get("logo_uri")) or self.shows_logo is True)  # one may be uploaded

    @property
    def may_rely_on_nonce(self) -> bool:
        """Tell whether it may omit PKCE if it sends a nonce (:rfc:`9700#section-2.1.1`).

        It must have a secret or a key, and have been created by an operator or owner, who can know whether it checks
        the nonce.
        """
        return not self.is_public and self.pkce_required is None and not self.is_self_registered

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Tell whether a redirect URI is registered; for a web application, the port must match too."""
        return redirect_uris.is_registered(self.redirect_uris, redirect_uri, any_port=not self.is_known_as_web)

    def uses_free_port(self, redirect_uri: str) -> bool:
        """Tell whether a redirect URI only differs from a registered one in its port, as native apps may do."""
        return not self.is_known_as_web and redirect_uris.uses_free_port(self.redirect_uris, redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        """Tell whether this is one of its valid secrets."""
        return is_valid_secret(client_secret, self.secrets)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.token_endpoint_auth_method or (
            self.secret_either_way and {method, self.token_endpoint_auth_method} == BY_SECRET
        )

    @property
    def auth_method_in_words(self) -> str:
        """Return its authentication method as shown on pages and in commands."""
        both = self.secret_either_way and self.token_endpoint_auth_method in BY_SECRET
        return EITHER_WAY if both else self.token_endpoint_auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_types.is_among(response_type, self.response_types)

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


def needs_secret(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a client needs a secret: one that authenticates with its own key doesn't."""
    return metadata.get("token_endpoint_auth_method") not in WITHOUT_SECRET or signs_by_secret(metadata)


def signs_by_secret(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a client, or this server for it, signs with its secret: then a hash isn't enough."""
    algorithms = [value for name, value in metadata.items() if name.endswith("_alg")]
    is_used = any(isinstance(value, str) and value.startswith("HS") for value in algorithms)
    return is_used or metadata.get("token_endpoint_auth_method") == "client_secret_jwt"
