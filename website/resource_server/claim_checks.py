"""The checks of an access token's claims, whether they come in a JWT or from introspection."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeGuard

from .refusals import InvalidTokenError
from .resource_metadata import normal_form
from .verified_token import VerifiedToken


class ClaimChecks:
    """What the claims of every token must say: this issuer, this audience, not expired."""

    def __init__(self, issuer: str, audience: str, leeway_seconds: float) -> None:
        self._issuer, self._audience = issuer, normal_form(audience)
        self._leeway_seconds = leeway_seconds

    def read(self, text: str, claims: Mapping[str, Any]) -> VerifiedToken:
        """Return the token. Raises :class:`.refusals.InvalidTokenError`."""
        if claims.get("iss", self._issuer) != self._issuer:
            raise InvalidTokenError("The access token is from another issuer.")
        value = claims.get("aud")
        audience = tuple(filter(_is_text, value if isinstance(value, list) else [value]))
        if self._audience not in map(normal_form, audience):
            raise InvalidTokenError("The access token is for another API.")
        if "cnf" in claims:  # bound to a key: taken as a bearer token, a stolen one would work (RFC 9449, section 7.2)
            raise InvalidTokenError("The access token is bound to a key, and this API takes bearer tokens.")
        self._check_times(claims)
        client_id, subject, scope = claims.get("client_id"), claims.get("sub"), claims.get("scope", "")
        if not _is_text(client_id) or not isinstance(subject, str | None) or not isinstance(scope, str):
            raise InvalidTokenError("The access token lacks a claim.")
        auth_time, acr = claims.get("auth_time"), claims.get("acr")
        return VerifiedToken(
            client_id=client_id,
            subject=None if subject == client_id else subject,  # RFC 9068, section 2.2
            scopes=tuple(scope.split()),
            audience=audience,
            expires_at=int(claims["exp"]),
            auth_time=int(auth_time) if _is_time(auth_time) else None,
            acr=acr if _is_text(acr) else None,
            claims=claims,
            text=text,
        )

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, expires_at = time.time(), claims.get("exp")
        if not _is_time(expires_at) or now >= expires_at + self._leeway_seconds:
            raise InvalidTokenError("The access token has expired.")
        for name in ("nbf", "iat"):
            value = claims.get(name, now)
            if not _is_time(value) or value > now + self._leeway_seconds:
                raise InvalidTokenError("The access token isn't valid yet.")


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _is_time(value: Any) -> TypeGuard[float]:
    # Not bool, which is a kind of int. A time beyond this wouldn't fit into a date.
    return type(value) in (int, float) and 0 <= value < 2**40
