"""JWT access tokens (:rfc:`9068`), verified with the issuer's public keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from .authorization_server import AuthorizationServer
from .cached_document import CachedDocument
from .claim_checks import ClaimChecks
from .refusals import InvalidTokenError, UnavailableError
from .verified_token import VerifiedToken

#: Signatures by key pairs alone: nobody but the issuer can make one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
KEY_TYPES = ("RSA", "EC", "OKP")
#: A withdrawn key is trusted no longer than this, while the issuer responds.
KEYS_SECONDS = 300.0


class UnknownKeyError(Exception):
    """The token names a key that isn't in the key set."""


class _Unverified(Protocol):
    def headers(self) -> dict[str, Any]: ...


class _Algorithms(JWSRegistry):
    """Only the given algorithms, and all of them without a warning."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self.names = frozenset(names)

    def get_alg(self, name: str) -> Any:
        if name not in self.names:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class JWTAccessTokens:
    """Verifies JWT access tokens.

    ``types`` are the accepted values of ``typ``, in lower case. Only an access token has ``at+jwt``, so it can't be an
    ID token or another JWT that the same keys signed.
    """

    def __init__(
        self, server: AuthorizationServer, checks: ClaimChecks, algorithms: Collection[str], types: Collection[str]
    ) -> None:
        self._server, self._checks = server, checks
        self._algorithms = _Algorithms(algorithms)
        self._types = {*types, *(f"application/{name}" for name in types)}
        self._keys = CachedDocument(self._fetch_keys, KEYS_SECONDS)

    def recall(self, text: str) -> VerifiedToken | None:
        """Return the token if the key set in memory is enough to verify it. Never waits.

        Raises :class:`.refusals.InvalidTokenError`.
        """
        keys = self._keys.recall()
        try:
            return None if keys is None else self._verify(text, keys)
        except UnknownKeyError:
            return None

    def ask(self, text: str) -> VerifiedToken:
        """Return the token, after fetching the key set if necessary. Raises :class:`.refusals.RefusalError`."""
        try:
            return self._verify(text, self._keys.get())
        except UnknownKeyError:
            pass
        try:
            return self._verify(text, self._keys.renew())
        except UnknownKeyError:
            # While the issuer is away, the key may be a new one.
            raise UnavailableError if self._keys.is_outdated else InvalidTokenError(INVALID) from None

    def _verify(self, text: str, keys: Mapping[str, Key]) -> VerifiedToken:
        def find_key(unverified: _Unverified) -> Key:
            header = unverified.headers()
            algorithm, kid = header.get("alg"), header.get("kid")
            if algorithm not in self._algorithms.names or str(header.get("typ")).lower() not in self._types:
                raise InvalidTokenError(INVALID)
            if not isinstance(kid, str) or kid not in keys:
                raise UnknownKeyError
            if keys[kid].alg not in (None, algorithm):  # RFC 8725, section 3.1
                raise InvalidTokenError(INVALID)
            return keys[kid]

        try:
            token = jwt.decode(text, find_key, registry=self._algorithms)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            raise InvalidTokenError(INVALID) from None  # joserfc raises various exceptions for odd header values
        if not isinstance(token.claims.get("iss"), str) or not isinstance(token.claims.get("sub"), str):
            raise InvalidTokenError("The access token lacks a claim.")
        return self._checks.read(text, token.claims)

    def _fetch_keys(self) -> dict[str, Key]:
        """Return the keys by ``kid``, without those that sign nothing or that we can't read."""
        keys = {}
        for jwk in self._server.fetch_keys():
            try:
                if jwk["kty"] in KEY_TYPES and jwk.get("use", "sig") == "sig":
                    keys[str(jwk["kid"])] = JWKRegistry.import_key(jwk)
            except (JoseError, ValueError, TypeError, KeyError, AttributeError):
                continue
        return keys


INVALID = "The access token is invalid."
