"""The settings of the protocol: scopes, specifications, requirements for clients, and lifetimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..translatable import N_
from .option import option

#: The accepted values of a client assertion's ``aud``.
ISSUER_ALONE, ANY_OF_OURS = "issuer", "ours"
DEFAULT_SCOPES: dict[str, str] = {"profile": N_("See your username, user ID and profile")}


@dataclass(frozen=True)
class ProtocolSettings:
    """The settings of the protocol: scopes, specifications, requirements for clients, and lifetimes."""

    scopes: dict[str, str] = option(
        "OAUTH2_SCOPES",
        DEFAULT_SCOPES,
        "This server's scopes, in addition to those of OpenID Connect, each with its description for the consent page."
        " Listing an OpenID Connect scope replaces its description. The form for a new client suggests these scopes"
        " along with `openid profile email`. Environment: JSON.",
    )
    specs: dict[str, bool] = option(
        "OAUTH2_SPECS",
        {},
        'Turns specifications on or off by name, e.g. `{"rfc6749_implicit": False}`. A dotted name loads your own'
        " module. Environment: JSON.",
    )
    pkce_required_for: str = option(
        "OAUTH2_PKCE_REQUIRED_FOR",
        "unless_nonce",
        "Which clients must use PKCE with the code grant. `unless_nonce`: all except confidential OpenID Connect"
        " clients that send a `nonce` and didn't register themselves. `all`: every client. `public`: only clients"
        " without a secret. A client's own page can override it.",
        security="Without PKCE, a client has to check the nonce itself. `all` doesn't rely on that (RFC 9700, section"
        " 2.1.1).",
    )
    require_signed_request_object: bool = option(
        "OAUTH2_REQUIRE_SIGNED_REQUEST_OBJECT",
        False,
        "Whether every authorization request must be a request object signed by the client (:rfc:`9101`). A client can"
        " also require this for itself.",
        security="Nobody else can then change or forge a request.",
    )
    client_assertion_audience: str = option(
        "OAUTH2_CLIENT_ASSERTION_AUDIENCE",
        ANY_OF_OURS,
        "The accepted `aud` of a client assertion (:rfc:`7523`). `ours`: the issuer, the token endpoint or the called"
        " endpoint, as a string; or a list of these that includes the issuer. `issuer`: only the issuer, as a string.",
        security="Only `issuer` prevents another server from tricking a client into signing an assertion that is valid"
        " here (draft-ietf-oauth-rfc7523bis). Many libraries send the token endpoint.",
    )
    access_token_seconds: int = option(
        "OAUTH2_ACCESS_TOKEN_SECONDS",
        600,
        "Lifetime of an access token.",
        unit="seconds",
        security="A leaked bearer token works until then, unless it is revoked.",
    )
    token_expires_in: dict[str, Any] = option(
        "OAUTH2_TOKEN_EXPIRES_IN",
        {},
        'Lifetimes of access tokens by grant type, if different: `{"password": 300}`. Environment: JSON.',
        unit="seconds",
    )
    issues_refresh_tokens: bool = option(
        "OAUTH2_REFRESH_TOKEN_GENERATOR",
        True,
        "Whether clients that registered the refresh_token grant get refresh tokens.",
    )
    id_token_seconds: int = option(
        "OAUTH2_ID_TOKEN_SECONDS",
        600,
        "Lifetime of an ID token. Clients check it once, on receipt; it doesn't limit how long the login lasts.",
        unit="seconds",
    )
    authorization_code_seconds: int = option(
        "OAUTH2_AUTHORIZATION_CODE_SECONDS",
        60,
        "Lifetime of an authorization code, 600 at most.",
        unit="seconds",
    )
    device_code_seconds: int = option(
        "OAUTH2_DEVICE_CODE_SECONDS",
        600,
        "How long a device waits for a person to enter its user code and decide (:rfc:`8628`), 60 to 1800.",
        unit="seconds",
        security="A shorter time gives an attacker less time to persuade somebody to enter the attacker's code.",
    )
    device_code_interval_seconds: int = option(
        "OAUTH2_DEVICE_CODE_INTERVAL_SECONDS",
        5,
        "How long a device waits between requests for its tokens, 1 to 60. Each time it polls too early, it has to"
        " wait 5 seconds longer.",
        unit="seconds",
    )
    refresh_token_seconds: int = option(
        "OAUTH2_REFRESH_TOKEN_SECONDS",
        90 * 86400,
        "How long a grant can be refreshed in total.",
        unit="seconds",
    )
    refresh_token_idle_seconds: int = option(
        "OAUTH2_REFRESH_TOKEN_IDLE_SECONDS",
        30 * 86400,
        "How long a refresh token may go unused.",
        unit="seconds",
    )
    refresh_token_grace_seconds: int = option(
        "OAUTH2_REFRESH_TOKEN_GRACE_SECONDS",
        30,
        "How long after a rotation the previous refresh token still works, so that nobody has to log in again after"
        " parallel refreshes or a lost response. 0 to 60, and at most half the lifetime of an access token. 0 turns it"
        " off: then every used refresh token ends its grant.",
        unit="seconds",
        security="A stolen copy of the previous refresh token works that long, at most 20 times, with an event each"
        " time. A public client's grant ends if copies are used from another network in three generations in a row.",
    )
    revoke_grant_with_access_token: bool = option(
        "OAUTH2_REVOKE_GRANT_WITH_ACCESS_TOKEN",
        False,
        "Whether revoking an access token ends its refresh token too (:rfc:`7009#section-2.1`).",
    )
    consent_seconds: int = option(
        "OAUTH2_CONSENT_SECONDS",
        365 * 86400,
        "How long a consent is remembered before the user is asked again.",
        unit="seconds",
    )
    secret_overlap_seconds: int = option(
        "OAUTH2_SECRET_OVERLAP_SECONDS",
        86400,
        "How long the previous client secret still works after a rotation.",
        unit="seconds",
    )

    def access_token_lifetime(self, grant_type: str) -> int:
        """Return the lifetime of an access token for a grant type, in seconds."""
        lifetime: int = self.token_expires_in.get(grant_type, self.access_token_seconds)
        return lifetime

    @property
    def longest_access_token_seconds(self) -> int:
        """The longest lifetime of an access token of any grant type, in seconds."""
        longest: int = max(self.access_token_seconds, *self.token_expires_in.values(), 0)
        return longest

    @property
    def refresh_grace_seconds(self) -> int:
        """How many seconds a used refresh token still works: at most half the lifetime of an access token."""
        return min(self.refresh_token_grace_seconds, self.access_token_lifetime("refresh_token") // 2)
