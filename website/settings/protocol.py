"""The settings of the protocol: what is offered to clients, and how long what they get lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .option import option

#: What the ``aud`` of a client assertion may be.
ISSUER_ALONE, ANY_OF_OURS = "issuer", "ours"
DEFAULT_SCOPES = {"profile": "See your user name, user id and profile"}


@dataclass(frozen=True)
class ProtocolSettings:
    """The settings of the protocol: what is offered to clients, and how long what they get lives."""

    scopes: dict[str, str] = option(
        "OAUTH2_SCOPES",
        DEFAULT_SCOPES,
        "Scopes that this server knows beside those of OpenID Connect, each with the plain words that the consent page"
        " shows; for one of OpenID Connect, the words instead of ours. New clients have them filled in,"
        " beside `openid profile email`. Environment: JSON.",
    )
    specs: dict[str, bool] = option(
        "OAUTH2_SPECS",
        {},
        'Switches specifications off or on by name, e.g. `{"rfc6749_implicit": False}`. A dotted name loads a module'
        " of your own. From the environment: JSON.",
    )
    pkce_required_for: str = option(
        "OAUTH2_PKCE_REQUIRED_FOR",
        "unless_nonce",
        "`unless_nonce`: every client of the code grant must use PKCE, but for a confidential client of OpenID Connect"
        " that sends a `nonce`; one that registered itself always must. `all`: every client. `public`: only clients"
        " without a secret. A client's own page may override it.",
        security="A client that relies on the nonce has to check it; `all` leaves that to no client (RFC 9700, section"
        " 2.1.1).",
    )
    require_signed_request_object: bool = option(
        "OAUTH2_REQUIRE_SIGNED_REQUEST_OBJECT",
        False,
        "Whether every authorization request has to come as a request object that its client signed (:rfc:`9101`). A"
        " client may ask for that for itself alone.",
        security="Then nobody on the way can change or make up a request.",
    )
    client_assertion_audience: str = option(
        "OAUTH2_CLIENT_ASSERTION_AUDIENCE",
        ANY_OF_OURS,
        "What the `aud` of a client assertion may be (:rfc:`7523`). `ours`: the issuer, the token endpoint or the"
        " endpoint that is called, as one string; or a list with the issuer and nothing but these. `issuer`: the issuer"
        " alone, as one string.",
        security="Only with `issuer` can no other server trick a client into signing an assertion that is valid here"
        " (draft-ietf-oauth-rfc7523bis). Many libraries send the token endpoint.",
    )
    access_token_seconds: int = option(
        "OAUTH2_ACCESS_TOKEN_SECONDS",
        600,
        "Lifetime of an access token.",
        unit="seconds",
        security="A leaked bearer token works this long unless it is revoked.",
    )
    token_expires_in: dict[str, Any] = option(
        "OAUTH2_TOKEN_EXPIRES_IN",
        {},
        'Lifetimes of access tokens by grant type, where they differ: `{"password": 300}`. Environment: JSON.',
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
        "How long a client may take to look at an ID token. It is no token to keep: the login lasts as it does.",
        unit="seconds",
    )
    authorization_code_seconds: int = option(
        "OAUTH2_AUTHORIZATION_CODE_SECONDS",
        60,
        "Lifetime of an authorization code, 600 at most.",
        unit="seconds",
    )
    refresh_token_seconds: int = option(
        "OAUTH2_REFRESH_TOKEN_SECONDS",
        90 * 86400,
        "How long a grant can be refreshed at all, however often it is.",
        unit="seconds",
    )
    refresh_token_idle_seconds: int = option(
        "OAUTH2_REFRESH_TOKEN_IDLE_SECONDS",
        30 * 86400,
        "How long a refresh token may lie unused.",
        unit="seconds",
    )
    refresh_token_grace_seconds: int = option(
        "OAUTH2_REFRESH_TOKEN_GRACE_SECONDS",
        30,
        "How long after a rotation the token just before the current one is still answered, so that parallel"
        " refreshes and lost answers cost nobody a login. 0 to 60; never more than half the life of an access token."
        " 0 turns it off: then every spent token ends its grant.",
        unit="seconds",
        security="A copy of the last refresh token works that long, at most 20 times, with an event each time. A public"
        " client's grant ends when copies come from another network in three generations running.",
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
        "How long the former client secret still works after it was rotated.",
        unit="seconds",
    )

    def access_token_lifetime(self, grant_type: str) -> int:
        """Return how many seconds an access token of a grant type lives."""
        lifetime: int = self.token_expires_in.get(grant_type, self.access_token_seconds)
        return lifetime

    @property
    def longest_access_token_seconds(self) -> int:
        """How many seconds an access token lives at most, whatever the grant type."""
        longest: int = max(self.access_token_seconds, *self.token_expires_in.values(), 0)
        return longest

    @property
    def refresh_grace_seconds(self) -> int:
        """How many seconds a spent refresh token is still answered: the setting, capped by what it protects."""
        return min(self.refresh_token_grace_seconds, self.access_token_lifetime("refresh_token") // 2)
