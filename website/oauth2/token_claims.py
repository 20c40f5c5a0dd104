"""Owns the claims that modules of one's own add to what a token says: in introspection answers and JWTs alike.

A claim is a name and a function. The name is judged at the start, so that no claim can ever stand where a member of a
standard does, nor two of them in one place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..claims import PROTOCOL_CLAIMS
from ..grants import AccessToken
from ..settings import SettingsError
from .access_tokens import AccessTokens, LiveToken

ClaimFunction = Callable[[LiveToken], Any]


class TokenClaims:
    """The claims of one server."""

    def __init__(self, access_tokens: AccessTokens) -> None:
        self._access_tokens = access_tokens
        self._functions: dict[str, ClaimFunction] = {}

    def add(self, name: str, function: ClaimFunction) -> None:
        """Have access tokens say one thing more: what ``function`` returns of a token, or nothing for ``None``.

        It is asked when a JWT is written and when any token is introspected, and returns what JSON can hold. Raises
        :class:`SettingsError` for a name that is reserved or taken: the start stops.
        """
        if name in PROTOCOL_CLAIMS:
            raise SettingsError(f"OAUTH2_SPECS: the claim {name} is reserved: its meaning is a standard's.")
        if name in self._functions:
            raise SettingsError(f"OAUTH2_SPECS: two modules add the claim {name}.")
        self._functions[name] = function

    def claims_for(self, token: AccessToken) -> dict[str, Any]:
        """Return the claims of a token."""
        if not self._functions:
            return {}
        live = self._access_tokens.follow(token)
        values = ((name, function(live)) for name, function in self._functions.items())
        found = {name: value for name, value in values if value is not None}
        # What one form could hold and the other not, NaN or half a character, is refused in both.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
        return found
