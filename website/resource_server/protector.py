"""The protector of one API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .authorization_server import AuthorizationServer
from .bounded_pool import BoundedPool
from .claim_checks import ClaimChecks
from .introspection import Introspection
from .jwt_access_tokens import ALGORITHMS, JWTAccessTokens
from .refusals import InvalidTokenError, MalformedRequestError, MissingTokenError, RefusalError
from .requirement import Requirement
from .resource_metadata import ResourceMetadata, check_url
from .verified_token import VerifiedToken

MAX_TOKEN_CHARACTERS = 16 * 1024
MAX_CACHE_SECONDS = 300
#: :rfc:`6750#section-2.1`
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
ANYTHING = Requirement()


class Protector:
    """Checks the access tokens of requests to one API. Make one when your application starts; any thread may use it.

    - ``issuer``: the authorization server, exactly as its metadata spells it.
    - ``resource``: the API's identifier, an https URL (http only on this machine). Tokens must be for it.
    - ``scopes`` and ``name`` are what the API's metadata tells clients.
    - ``credentials``: client_id and secret of the API's own client, which may introspect. Without them, only JWTs are
      accepted.
    - ``audience``: what tokens must be for, if that isn't the resource.
    - ``introspects_jwts``: whether to introspect JWTs too, after verifying them. Then revoked ones are refused at once.
    - ``cache_seconds``: for how long an answer to an introspection request is used again, at most 300. A revoked token
      keeps working for so long. By default there is no cache.
    - ``algorithms`` and ``types``: the accepted values of ``alg`` and ``typ`` in JWTs. If the API's tokens have the
      type ``JWT``, add that.
    - ``leeway_seconds``: how far the clocks of the two servers may differ.
    - ``timeout_seconds``: for connecting to the authorization server, and for each wait for data.
    """

    def __init__(
        self,
        issuer: str,
        resource: str,
        *,
        scopes: Sequence[str] = (),
        name: str = "",
        credentials: tuple[str, str] | None = None,
        audience: str | None = None,
        introspects_jwts: bool = False,
        cache_seconds: float = 0,
        algorithms: Sequence[str] = ALGORITHMS,
        types: Sequence[str] = ("at+jwt",),
        leeway_seconds: float = 10,
        timeout_seconds: float = 5,
    ) -> None:
        check_url(issuer, "issuer")
        check_url(resource, "resource")
        if unknown := [name for name in algorithms if name not in ALGORITHMS]:
            raise ValueError(f"algorithms: {', '.join(unknown)} isn't one of {', '.join(ALGORITHMS)}.")
        if introspects_jwts and credentials is None:
            raise ValueError("introspects_jwts needs credentials.")
        if not 0 <= cache_seconds <= MAX_CACHE_SECONDS:
            raise ValueError(f"cache_seconds is from 0 to {MAX_CACHE_SECONDS}.")
        self.issuer, self.resource = issuer, resource
        self.metadata = ResourceMetadata(resource, issuer, scopes, name)
        server = AuthorizationServer(issuer, timeout_seconds)
        checks = ClaimChecks(issuer, resource if audience is None else audience, leeway_seconds)
        self._jwts = JWTAccessTokens(server, checks, algorithms, [kind.lower() for kind in types])
        self._introspection = credentials and Introspection(server, checks, credentials, cache_seconds)
        self._introspects_jwts = introspects_jwts
        self._pool = BoundedPool()

    def check(self, authorization: str | None, requirement: Requirement = ANYTHING) -> VerifiedToken:
        """Return the token of an ``Authorization`` header.

        Raises :class:`RefusalError`, which is the response, unless it's valid and enough.
        """
        with self._challenging(requirement):
            text = _read(authorization)
            token = self._recall(text) or self._ask(text)
            requirement.check(token)
        return token

    async def check_async(self, authorization: str | None, requirement: Requirement = ANYTHING) -> VerifiedToken:
        """Like :meth:`check`, in an event loop: requests to the authorization server run in threads of their own."""
        with self._challenging(requirement):
            text = _read(authorization)
            token = self._recall(text)
            if token is None:
                token = await self._pool.run(self._ask, text)
            requirement.check(token)
        return token

    def require(self, token: VerifiedToken, requirement: Requirement) -> None:
        """Raise :class:`RefusalError` unless a valid token is enough, for what becomes clear later in a request."""
        with self._challenging(requirement):
            requirement.check(token)

    @contextmanager
    def _challenging(self, requirement: Requirement) -> Iterator[None]:
        try:
            yield
        except RefusalError as refusal:
            refusal.challenge(requirement.scopes, self.metadata.url)
            raise

    def _recall(self, text: str) -> VerifiedToken | None:
        """Return the token if what is in memory decides. Never waits."""
        if _is_jwt(text):
            token = self._jwts.recall(text)
            if token is None or not self._introspects_jwts:
                return token
        return self._introspection.recall(text) if self._introspection else None

    def _ask(self, text: str) -> VerifiedToken:
        """Return the token, with requests to the authorization server as necessary."""
        if _is_jwt(text):
            token = self._jwts.ask(text)  # first, so that it isn't asked about any text that somebody makes up
            if not self._introspects_jwts:
                return token
        if not self._introspection:
            raise InvalidTokenError("This API only accepts JWT access tokens.")
        return self._introspection.ask(text)


def _is_jwt(text: str) -> bool:
    return text.count(".") == 2


def _read(authorization: str | None) -> str:
    """Return the token of a header; no other place for it is safe (:rfc:`9700#section-4.3.2`)."""
    words = (authorization or "").split()
    if not words or words[0].lower() != "bearer":
        raise MissingTokenError
    if len(words) != 2:
        raise MalformedRequestError("Send one access token: Authorization: Bearer TOKEN.")
    if len(words[1]) > MAX_TOKEN_CHARACTERS or not _TOKEN.fullmatch(words[1]):
        raise InvalidTokenError("The access token is malformed.")
    return words[1]
