"""Token introspection (:rfc:`7662`): the authorization server says whether a token is valid now."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from threading import Lock

from .authorization_server import AuthorizationServer
from .claim_checks import ClaimChecks
from .refusals import InvalidTokenError
from .verified_token import VerifiedToken

MAX_CACHED = 10_000


class Introspection:
    """Introspects tokens as the API's own client.

    With ``cache_seconds``, a valid token is asked about only that often; a revoked one keeps working for so long.
    """

    def __init__(
        self, server: AuthorizationServer, checks: ClaimChecks, credentials: tuple[str, str], cache_seconds: float
    ) -> None:
        self._server, self._checks, self._credentials = server, checks, credentials
        self._cache_seconds = cache_seconds
        #: Valid tokens by their hash, with the end of the cached answer; the oldest first.
        self._cached: OrderedDict[bytes, tuple[VerifiedToken, float]] = OrderedDict()
        self._lock = Lock()

    def recall(self, text: str) -> VerifiedToken | None:
        """Return a token from the cache. Never waits. Raises :class:`.refusals.InvalidTokenError`."""
        with self._lock:
            token, until = self._cached.get(_hash(text), (None, 0.0))
        if token is None or time.monotonic() >= until:
            return None
        return self._checks.read(text, token.claims)  # it may have expired since

    def ask(self, text: str) -> VerifiedToken:
        """Return a token that the server calls active. Raises :class:`.refusals.RefusalError`."""
        answer = self._server.introspect(text, self._credentials)
        if answer.get("active") is not True:
            raise InvalidTokenError("The access token is invalid, expired or revoked, or for another API.")
        # A refresh token can be active too, but only an access token has a type (section 2.2).
        if str(answer.get("token_type")).lower() != "bearer":
            raise InvalidTokenError("This is not a bearer access token.")
        token = self._checks.read(text, answer)
        if self._cache_seconds:
            self._cache(text, token)
        return token

    def _cache(self, text: str, token: VerifiedToken) -> None:
        with self._lock:
            self._cached[_hash(text)] = token, time.monotonic() + self._cache_seconds
            self._cached.move_to_end(_hash(text))
            if len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
