"""Custom claims in access tokens, in introspection responses and in JWTs.

A claim has a name and a function. Names are checked at start-up, so that no custom claim can replace a standard member.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..access.claim_maps import ClaimMaps
from ..clients import Client
from ..grants import AccessToken
from ..settings import SettingsError
from ..standard_claims import PROTOCOL_CLAIMS
from .token_acceptance import AccessTokens, LiveToken

TokenClaimFunction = Callable[[LiveToken], Any]


def check_claim_name(name: str, is_standard: bool) -> None:
    """Raise :class:`SettingsError` for a name that is reserved by a standard, unless the claim is that standard's."""
    if name in PROTOCOL_CLAIMS and not is_standard:
        raise SettingsError(f"OAUTH2_SPECS: the claim {name} is reserved by a standard.")


class TokenClaims:
    """The claims of one server."""

    def __init__(
        self, functions: Mapping[str, TokenClaimFunction], access_tokens: AccessTokens, claim_maps: ClaimMaps
    ) -> None:
        self._functions = functions
        self._access_tokens = access_tokens
        self._claim_maps = claim_maps

    def claims_for(self, token: AccessToken, client: Client, place: str) -> dict[str, Any]:
        """Return the claims of a token of a client in a place, such as ``introspection``."""
        if not self._functions and not client.claim_maps:
            return {}
        live = self._access_tokens.follow(token)
        values = ((name, function(live)) for name, function in self._functions.items())
        claims = {name: value for name, value in values if value is not None}
        if client.claim_maps and live.user is not None:
            claims |= self._claim_maps.claims_for(client, live.user.id, token.scope, place)
        if claims:  # reject values that only one of the two formats supports, such as NaN or a lone surrogate
            json.dumps(claims, ensure_ascii=False, allow_nan=False).encode()
        return claims
