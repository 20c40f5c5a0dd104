"""What the tokens of a response contain, in words: for people who look at their client's tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ... import clock
from ...clients import Client
from ...keys.jws import JWT, read_header, read_unverified
from ...oauth2.id_token_hint import read_hint
from ...standard_claims import CLAIMS
from ...strict_json import MalformedJSONError, read_object
from ...translatable import N_
from ..current.authorization_server import authorization_server
from ..presentation.moments import is_moment

#: The claims of ID tokens and access tokens about the token itself.
MEANINGS = {
    "iss": N_("Who issued it: this server"),
    "sub": N_("The person, as this client knows them. It never changes"),
    "aud": N_("Who it's for"),
    "azp": N_("The client it was issued to"),
    "client_id": N_("The client it was issued to"),
    "exp": N_("When it expires"),
    "iat": N_("When it was issued"),
    "auth_time": N_("When the person logged in"),
    "nonce": N_("The nonce of the authorization request"),
    "acr": N_("How well the person proved who they are"),
    "amr": N_("How the person logged in"),
    "sid": N_("The login session, for logout notices"),
    "at_hash": N_("A hash of the access token, which ties the two together"),
    "c_hash": N_("A hash of the code"),
    "scope": N_("What it allows"),
    "jti": N_("The ID of this token"),
    "updated_at": N_("When the profile was changed"),
    "error": N_("Why the token wasn't accepted"),
    "error_description": N_("What to do about it"),
    "email_verified": N_("Whether the email address was confirmed"),
}
TIMES = ("exp", "iat", "auth_time", "updated_at")


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """One claim: its name and value as in the token, and what it means."""

    name: str
    value: str
    meaning: str
    #: As seconds, if it is a moment.
    moment: int | None = None


@dataclass(frozen=True, slots=True)
class ShownJWT:
    """A JWT taken apart."""

    header: str
    claims: tuple[ShownClaim, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a client has to check, and whether it is right here."""

    text: str
    passed: bool


@dataclass(frozen=True, slots=True)
class ShownTokens:
    """A token response, for its page."""

    access_token: str
    scope: str
    expires_in: int
    refresh_token: str
    id_token: str
    #: The access token's contents, if it is a JWT: a sealed one is only readable for this server.
    access_jwt: ShownJWT | None
    #: The ID token's contents, unless it is encrypted to the client.
    id_jwt: ShownJWT | None
    checks: tuple[Check, ...]


def show_tokens(client: Client, response: dict[str, Any], nonce: str) -> ShownTokens:
    """Take a token response apart; ``nonce`` is that of the authorization request."""
    texts = {name: value if isinstance(value, str) else "" for name, value in response.items()}
    expires_in = response.get("expires_in")
    access_token, id_token = texts.get("access_token", ""), texts.get("id_token", "")
    unverified = read_unverified(id_token)
    return ShownTokens(
        access_token=access_token,
        scope=texts.get("scope", ""),
        expires_in=expires_in if is_moment(expires_in) else 0,
        refresh_token=texts.get("refresh_token", ""),
        id_token=id_token,
        access_jwt=show_jwt(access_token),
        id_jwt=show_jwt(id_token),
        checks=() if unverified is None else _check_id_token(client, id_token, unverified, nonce),
    )


def show_userinfo(text: str) -> tuple[ShownClaim, ...]:
    """Take a UserInfo response apart, JSON or a signed JWT; nothing for an encrypted one."""
    shown = show_jwt(text)
    if shown is not None:
        return shown.claims
    try:
        return tuple(_show_claims(read_object(text)))
    except MalformedJSONError:
        return ()


def show_jwt(text: str) -> ShownJWT | None:
    """Take a signed JWT apart without verifying it; ``None`` for any other text."""
    token, header = read_unverified(text), read_header(text)
    if token is None or header is None:
        return None
    return ShownJWT(json.dumps(header, ensure_ascii=False), tuple(_show_claims(token.claims)))


def _show_claims(claims: dict[str, Any]) -> list[ShownClaim]:
    return [
        ShownClaim(
            name,
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False),
            MEANINGS.get(name) or (CLAIMS[name].label if name in CLAIMS else ""),
            value if name in TIMES and is_moment(value) else None,
        )
        for name, value in claims.items()
    ]


def _check_id_token(client: Client, text: str, unverified: JWT, nonce: str) -> tuple[Check, ...]:
    """Check an ID token as a client has to (OpenID Connect Core 1.0, section 3.1.3.7)."""
    server, claims = authorization_server(), unverified.claims
    hint, expires_at = read_hint(server, text), claims.get("exp")
    checks = [
        Check(N_("It is signed by this server, with the registered algorithm."), hint is not None),
        Check(N_("iss is this server."), claims.get("iss") == server.current_issuer()),
        Check(N_("aud is this client, so the token wasn't issued to another."), claims.get("aud") == client.client_id),
        Check(N_("exp hasn't passed."), isinstance(expires_at, int) and expires_at > clock.now()),
    ]
    if nonce:
        checks.append(Check(N_("nonce is the one that was sent."), claims.get("nonce") == nonce))
    return tuple(checks)
