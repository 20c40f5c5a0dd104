"""Signing and verifying JWTs, and the supported algorithms with their keys.

Each key has exactly one algorithm, which a token's header can't change (:rfc:`8725#section-3.1`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from joserfc import jws, jwt
from joserfc.errors import InvalidKeyIdError, JoseError, UnsupportedAlgorithmError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode

from ..strict_json import MalformedJSONError, read_object

#: The key type of each algorithm, and its curve or number of bits. RSA is for clients that support nothing else. 2048
#: bits are enough for keys that are rotated; with 3072, each signature would cost three times as much.
ALGORITHMS: Mapping[str, tuple[str, str | int]] = {
    "ES256": ("EC", "P-256"),
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "EdDSA": ("OKP", "Ed25519"),
}
#: The algorithms that clients may sign with: using their own keys, or using their secret, which is long enough.
KEYS_OF_CLIENTS: Mapping[str, tuple[str, str]] = {
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "RS512": ("RSA", ""),
    "PS256": ("RSA", ""),
    "PS384": ("RSA", ""),
    "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
BY_SECRET = ("HS256", "HS384")
#: Longer texts are not parsed.
MAX_JWT_CHARACTERS = 16 * 1024
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class JWT(NamedTuple):
    """The contents of a JWT. The caller still has to check its type, issuer and times."""

    header: dict[str, Any]
    claims: dict[str, Any]


class _Algorithms(JWSRegistry):
    """Only the given algorithms, without the warning about EdDSA: :rfc:`9864` renames it, but clients still use it."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self._names = frozenset(names)

    def get_alg(self, name: str) -> Any:
        if name not in self._names:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


class _Unverified(Protocol):
    def headers(self) -> dict[str, Any]: ...


_algorithms = _Algorithms(ALGORITHMS)
_of_clients = {name: _Algorithms([name]) for name in (*KEYS_OF_CLIENTS, *BY_SECRET)}


def generate_key(algorithm: str) -> dict[str, Any]:
    """Return a new private key as a JWK; its ``kid`` is its thumbprint (:rfc:`7638`)."""
    key_type, kind = ALGORITHMS[algorithm]
    key = JWKRegistry.generate_key(key_type, kind, {"use": "sig", "alg": algorithm}, auto_kid=True)
    return dict(key.as_dict(private=True))


def public_part_of(private_key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public JWK of a private one without importing the key, which takes 30 ms for RSA."""
    members = JWKRegistry.key_types[private_key["kty"]].value_registry
    public = ["kty", *(name for name, member in members.items() if member.required), "kid", "use", "alg"]
    return {name: private_key[name] for name in public if name in private_key}


def import_public_key(public_key: dict[str, Any]) -> Key:
    """Import a public JWK."""
    return JWKRegistry.import_key(public_key)


class SigningKey:
    """An imported private key, with the cached parts of its JWTs."""

    def __init__(self, private_key: dict[str, Any]) -> None:
        self.kid, self.algorithm = str(private_key["kid"]), str(private_key["alg"])
        self.key = JWKRegistry.import_key(private_key)
        self._algorithm = _algorithms.get_alg(self.algorithm)
        self._headers: dict[str | None, bytes] = {}

    def sign(self, typ: str | None, claims: dict[str, Any]) -> str:
        """Sign a JWT of a type; ``None`` omits ``typ`` from the header. ``claims`` must be serializable as JSON."""
        header = self._headers.get(typ)
        if header is None:
            type_header = {"typ": typ} if typ else {}
            written = _encoder.encode({"alg": self.algorithm, **type_header, "kid": self.kid})
            header = self._headers[typ] = urlsafe_b64encode(written.encode())
        text = header + b"." + urlsafe_b64encode(_encoder.encode(claims).encode())
        return (text + b"." + urlsafe_b64encode(self._algorithm.sign(text, self.key))).decode()


def verify(text: str, keys: Mapping[str, Key]) -> JWT | None:
    """Return the contents of a compact JWT signed by one of the keys, or ``None`` for any other text.

    The header's ``kid`` selects the key; the key determines the algorithm, and the header must match it.
    """
    if not _is_compact(text):
        return None

    def find_key(unverified: _Unverified) -> Key:
        header = unverified.headers()
        key = keys.get(header.get("kid", ""))
        if key is None or key.alg != header["alg"]:
            raise InvalidKeyIdError
        return key

    try:
        token = jwt.decode(text, find_key, registry=_algorithms)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # joserfc raises various exceptions for odd header values
    return JWT(token.header, token.claims)


def sign_by_secret(claims: dict[str, Any], secret: Key, algorithm: str, typ: str | None = None) -> str:
    """Sign a JWT with a secret shared with its recipient. ``claims`` must be serializable as JSON."""
    header = {"alg": algorithm} if typ is None else {"typ": typ, "alg": algorithm}
    return jws.serialize_compact(header, _encoder.encode(claims), secret, registry=_of_clients[algorithm])


def read_unverified(text: str) -> JWT | None:
    """Return the contents of a compact JWT without verifying it, or ``None`` for any other text.

    Header and claims are parsed strictly (:mod:`website.strict_json`).
    """
    if not _is_compact(text):
        return None
    header, claims = (_read_part(part) for part in text.split(".")[:2])
    if header is None or claims is None or "crit" in header:
        return None  # we support no extensions (RFC 7515, section 4.1.11)
    return JWT(header, claims)


def read_header(text: str) -> dict[str, Any] | None:
    """Return the unverified header of a signed or encrypted JWT, or ``None`` for any other text."""
    return _read_part(text.partition(".")[0]) if "." in text else None


def verify_of_client(text: str, key: Key, algorithm: str) -> JWT | None:
    """Return the contents of a JWT signed by a client with this key and algorithm, or ``None`` for any other text."""
    try:
        jwt.decode(text, key, registry=_of_clients[algorithm])
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return read_unverified(text)


def _is_compact(text: str) -> bool:
    return text.startswith("eyJ") and len(text) <= MAX_JWT_CHARACTERS and text.count(".") == 2


def _read_part(part: str) -> dict[str, Any] | None:
    try:
        return read_object(base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True))
    except (MalformedJSONError, ValueError):
        return None
