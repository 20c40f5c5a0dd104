"""Client authentication with a signed JWT (:rfc:`7521#section-4.2`, :rfc:`7523#section-2.2`).

https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication

``private_key_jwt`` is signed with the client's own key, whose public part it registered; ``client_secret_jwt`` with the
client secret, which is never sent. Each JWT is valid for one request within an hour, and only for this server: its
``aud`` contains this server and nothing else. OAUTH2_CLIENT_ASSERTION_AUDIENCE narrows that to the issuer as a string
(draft-ietf-oauth-rfc7523bis).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError

from ... import clock
from ...clients import Client
from ...clients.client_jwks import KEY_FIELDS
from ...clock import SKEW_SECONDS
from ...keys.jws import BY_SECRET, JWT, KEYS_OF_CLIENTS, read_unverified
from ...keys.jwt_times import find_time_problem
from ...settings import ISSUER_ALONE, Settings
from ..client_authentication import UNKNOWN, refuse_client
from ..requests import OAuth2Request
from ..server import AuthorizationServer
from ..spec_interfaces import ClientAuthenticationMethod

REQUIRES: tuple[str, ...] = ()

BY_KEY, BY_CLIENT_SECRET = "private_key_jwt", "client_secret_jwt"
METHODS = (BY_CLIENT_SECRET, BY_KEY)
ALGORITHM_FIELD = "token_endpoint_auth_signing_alg"
#: The accepted ``typ`` headers; none at all is common too (draft-ietf-oauth-rfc7523bis, section 4).
TYPES = ("jwt", "client-authentication+jwt", "application/client-authentication+jwt")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: The maximum lifetime of an assertion, as used by libraries without a setting for it.
LIFETIME_SECONDS = 3600
MAX_JTI_CHARACTERS = 255
UNSIGNED = "isn't signed with one of the client's keys and its algorithm; without a kid, at most two keys are tried"
#: The signature algorithms of each method.
ALGORITHMS = {BY_KEY: tuple(KEYS_OF_CLIENTS), BY_CLIENT_SECRET: BY_SECRET}


class ClientAssertion:
    """Authenticates clients by a signed assertion."""

    def __init__(self, server: AuthorizationServer, settings: Settings) -> None:
        self._server = server
        self._takes_issuer_alone = settings.client_assertion_audience == ISSUER_ALONE

    def is_used(self, request: OAuth2Request) -> bool:
        return not {"client_assertion", "client_assertion_type"}.isdisjoint(request.payload.data)

    def authenticate(self, request: OAuth2Request) -> tuple[Client, str]:
        """Return the client and its method. Raises ``InvalidRequestError`` or :class:`ClientAuthenticationError`."""
        fields = request.payload.data
        text = fields.get("client_assertion")
        if text is None or fields.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidRequestError(f"A client_assertion requires the client_assertion_type {ASSERTION_TYPE}.")
        unverified = read_unverified(text)
        client_id = unverified.claims.get("sub") if unverified else None
        if not isinstance(client_id, str):
            refuse_client("the client_assertion is not a JWT about a client")
        if fields.get("client_id", client_id) != client_id:
            raise InvalidRequestError("The client_id in the body is not the subject of the client_assertion.")
        client = self._server.clients.find(client_id)
        if client is None:
            refuse_client(UNKNOWN)
        method = client.token_endpoint_auth_method
        if method not in METHODS:
            refuse_client(f"used a client_assertion, registered {method}", client)
        chosen = client.metadata.get(ALGORITHM_FIELD)
        algorithms = [name for name in ALGORITHMS[method] if chosen in (None, name)]
        token = self._server.clients.keys.verify(client, text, algorithms)
        if token is None:
            refuse_client(f"the client_assertion {UNSIGNED}", client)
        problem = self._find_problem(token, client, request)
        if problem:
            refuse_client(f"the client_assertion {problem}", client)
        return client, method

    def _find_problem(self, token: JWT, client: Client, request: OAuth2Request) -> str:
        """Return the problem with a signed assertion (:rfc:`7523#section-3`), or "". Uses up its ``jti``."""
        claims, now = token.claims, clock.now()
        kind = token.header.get("typ", "jwt")
        if not isinstance(kind, str) or kind.lower() not in TYPES:
            return "has the wrong typ"
        if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
            return "must have the client_id as iss and sub"
        if not self._is_for_us(claims.get("aud"), request):
            return "has the wrong audience"
        problem = find_time_problem(claims, now) or _find_lifetime_problem(claims, now)
        if problem:
            return problem
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_CHARACTERS:
            return "has no jti, or a too long one"
        if not self._server.grants.replay.use(client.id, jti, int(claims["exp"]) + SKEW_SECONDS):
            return "was already used"
        return ""

    def _is_for_us(self, audience: Any, request: OAuth2Request) -> bool:
        """Tell whether an ``aud`` contains only this server (:rfc:`7523#section-3`, item 3).

        It must be one of our URLs, or a list of only our URLs that includes the issuer. Our URLs are the issuer, the
        token endpoint and the called endpoint. The issuer with a trailing slash is fine too, as no other server uses
        it.
        """
        issuer = request.issuer
        if self._takes_issuer_alone:
            return bool(audience == issuer)
        issuers = {issuer, issuer.removesuffix("/"), f"{issuer.removesuffix('/')}/"}
        paths = (self._server.registry.named_addresses.get("token_endpoint"), request.environ["PATH_INFO"])
        ours = issuers.union(issuer + path for path in paths if path)
        if isinstance(audience, str):
            return audience in ours
        if not isinstance(audience, list) or not all(isinstance(value, str) for value in audience):
            return False
        return ours.issuperset(audience) and not issuers.isdisjoint(audience)


def _find_lifetime_problem(claims: Mapping[str, Any], now: int) -> str:
    """Return the problem with an assertion's lifetime, or ""; its times must already be numbers."""
    expires_at, issued_at = claims.get("exp"), claims.get("iat")
    if expires_at is None or expires_at > now + LIFETIME_SECONDS + SKEW_SECONDS:
        return "has no exp, or one more than an hour in the future"
    if issued_at is not None and expires_at > issued_at + LIFETIME_SECONDS:
        return "has an exp more than an hour after its iat"
    if issued_at is not None and issued_at < now - LIFETIME_SECONDS - SKEW_SECONDS:
        return "was issued more than an hour ago"
    return ""


def register(server: AuthorizationServer, settings: Settings) -> None:
    assertion = ClientAssertion(server, settings)
    algorithms = (*BY_SECRET, *KEYS_OF_CLIENTS)
    method = ClientAuthenticationMethod(METHODS, assertion.is_used, assertion.authenticate, algorithms)
    server.registry.add_client_authentication(method)
    for name, check in KEY_FIELDS.items():
        server.registry.add_client_field(name, check)
    server.registry.add_client_field("token_endpoint_auth_method", _check_method)
    server.registry.add_client_field(ALGORITHM_FIELD, _check_algorithm)


def _check_method(value: Any, metadata: Mapping[str, Any]) -> str:
    if value == BY_KEY and KEY_FIELDS.keys().isdisjoint(metadata):
        return "A client that signs with its own key must register the public key, in jwks or by jwks_uri."
    return ""


def _check_algorithm(value: Any, metadata: Mapping[str, Any]) -> str:
    offered = ALGORITHMS.get(metadata.get("token_endpoint_auth_method", ""), ())
    if value in offered:
        return ""
    return f"Choose one of: {', '.join(offered)}." if offered else "It requires private_key_jwt or client_secret_jwt."
