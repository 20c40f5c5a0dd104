"""Owns a client as the protocol sees it: what it registered, and what its operator decided about it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import ClientMixin

from .. import clock, redirect_uris, response_types
from ..identifiers import hash_secret

#: Methods of authentication that take no secret.
WITHOUT_SECRET = ("none", "private_key_jwt")


#: The two methods that send the secret itself, and what pages and commands call a client that may use both.
BY_SECRET, EITHER_WAY = frozenset(("client_secret_basic", "client_secret_post")), "client_secret"


@dataclass(frozen=True, slots=True)
class Client(ClientMixin):
    """A client as the protocol sees it: unchanging, so that many requests may share it."""

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
    #: Of a client that signs by its secret: the row's id, the secret under the key-encryption key, when it ends.
    encrypted_secrets: tuple[tuple[str, bytes, int | None], ...]
    owner_subject: str | None
    is_first_party: bool
    pkce_required: bool | None
    access_token_format: str
    access_token_alg: str | None
    #: Whether its secret is taken by header and in the body alike.
    secret_either_way: bool
    #: Origins of its pages beside those of its redirect URIs.
    extra_origins: tuple[str, ...]
    may_introspect: bool
    claims_in_id_token: bool
    subject_type: str
    #: Of a pairwise client: by whose identifiers it knows its users.
    sector: str
    #: Whether its grants with ``openid`` end with the login, where its operator decided that.
    ends_with_login: bool | None
    #: Whether pages show its logo, where its operator decided that.
    shows_logo: bool | None
    is_self_registered: bool
    registration_token_hash: str | None
    unused_until: int | None
    token_epoch: int
    created_at: int
    disabled_at: int | None
    #: All that it registered (:rfc:`7591#section-2`); what is looked at often stands in fields of its own above.
    metadata: Mapping[str, Any]

    @property
    def is_public(self) -> bool:
        return self.token_endpoint_auth_method == "none"

    @property
    def needs_secret(self) -> bool:
        return needs_secret(self.metadata)

    @property
    def lacks_secret(self) -> bool:
        """Tell whether it needs a secret that it has not: any, or one that is kept to sign by."""
        if not self.needs_secret:
            return False
        held = [*self.encrypted_secrets] if signs_by_secret(self.metadata) else [*self.secrets]
        return all(secret[-1] is not None and secret[-1] <= clock.now() for secret in held)

    @property
    def is_enabled(self) -> bool:
        """Tell whether it gets tokens at all: nobody disabled it, and it is not one that waited too long for use."""
        return self.disabled_at is None and (self.unused_until is None or self.unused_until > clock.now())

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        """Return the redirect URI of a request that names none: the registered one, where there is just one."""
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None

    @property
    def is_known_as_web(self) -> bool:
        """Tell whether its owner or an operator says that it is a web application: what a client says of itself may
        be wrong.
        """
        return self.metadata.get("application_type") == "web" and not self.is_self_registered

    @property
    def may_show_logo(self) -> bool:
        """Tell whether pages may show the picture at its ``logo_uri``: a client that registered itself may have named
        somebody else's.
        """
        is_allowed = not self.is_self_registered if self.shows_logo is None else self.shows_logo
        return is_allowed and bool(self.metadata.get("logo_uri"))

    @property
    def may_rely_on_nonce(self) -> bool:
        """Tell whether the policy may leave it without PKCE where it sends a nonce (:rfc:`9700#section-2.1.1`).

        It has a secret or a key, and an operator or owner made it, who can know whether it looks at the nonce.
        """
        return not self.is_public and self.pkce_required is None and not self.is_self_registered

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Tell whether a redirect URI is registered; a web application listens on the port that it registered."""
        return redirect_uri in self.redirect_uris or self.uses_free_port(redirect_uri)

    def uses_free_port(self, redirect_uri: str) -> bool:
        """Tell whether a redirect URI is a registered one but for its port, as native applications may have it."""
        return not self.is_known_as_web and redirect_uris.uses_free_port(self.redirect_uris, redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare hashes, every one of them, in a time that tells nothing."""
        presented, now, right = hash_secret(client_secret), clock.now(), False
        for secret_hash, expires_at in self.secrets:
            same = hmac.compare_digest(secret_hash, presented)
            right |= same and (expires_at is None or expires_at > now)
        return right

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.token_endpoint_auth_method or (
            self.secret_either_way and {method, self.token_endpoint_auth_method} == BY_SECRET
        )

    @property
    def auth_method_in_words(self) -> str:
        """Return how it authenticates, as pages and commands name it."""
        both = self.secret_either_way and self.token_endpoint_auth_method in BY_SECRET
        return EITHER_WAY if both else self.token_endpoint_auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_types.is_among(response_type, self.response_types)

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


def needs_secret(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a client has any use for a secret: one that proves itself by a key of its own has none."""
    return metadata.get("token_endpoint_auth_method") not in WITHOUT_SECRET or signs_by_secret(metadata)


def signs_by_secret(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a client, or this server for it, signs by its secret: then a hash of it does not do."""
    algorithms = [value for name, value in metadata.items() if name.endswith("_alg")]
    is_used = any(isinstance(value, str) and value.startswith("HS") for value in algorithms)
    return is_used or metadata.get("token_endpoint_auth_method") == "client_secret_jwt"
