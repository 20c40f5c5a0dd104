"""What a request needs besides a valid token: scopes, and how and when its user logged in."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from .refusals import InsufficientScopeError, InsufficientUserAuthenticationError
from .verified_token import VerifiedToken

#: The characters of a scope (:rfc:`6749#appendix-A.4`), and of an authentication context class in a challenge.
_WORD = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


@dataclass(frozen=True)
class Requirement:
    """What one route needs.

    - ``scopes``: all of them.
    - ``max_age``: the most seconds since the user logged in (:rfc:`9470`); ``None`` for any.
    - ``acr_values``: the authentication context classes of which the login must have one; empty for any.
    """

    scopes: tuple[str, ...] = ()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for word in (*self.scopes, *self.acr_values):
            if not _WORD.fullmatch(word):
                raise ValueError(f"Write one word per scope or acr value, not {word!r}.")

    def check(self, token: VerifiedToken) -> None:
        """Raise :class:`.refusals.RefusalError` unless the token is enough."""
        missing = [scope for scope in self.scopes if scope not in token.scopes]
        if missing:
            raise InsufficientScopeError(f"The access token lacks the scope {' '.join(missing)}.")
        too_old = self.max_age is not None and (token.auth_time is None or time.time() - token.auth_time > self.max_age)
        if too_old or (self.acr_values and token.acr not in self.acr_values):
            how = "again" if too_old else "more strongly"
            raise InsufficientUserAuthenticationError(f"The user has to log in {how}.", self.max_age, self.acr_values)
