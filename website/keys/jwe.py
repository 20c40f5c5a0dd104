"""Encrypting and decrypting JWTs (JWE, :rfc:`7516`), and the supported algorithms.

Not supported: RSA1_5, whose padding leaks information to attackers; passwords (PBES2); compression, which allows
decompression bombs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from ..strict_json import MalformedJSONError, read_object

#: The key management algorithms, each with its type of key.
KEY_ALGORITHMS: Mapping[str, str] = {
    "RSA-OAEP-256": "RSA",
    "RSA-OAEP": "RSA",
    "ECDH-ES": "EC",
    "ECDH-ES+A128KW": "EC",
    "ECDH-ES+A256KW": "EC",
}
CONTENT_ALGORITHMS = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")
DEFAULT_CONTENT_ALGORITHM = CONTENT_ALGORITHMS[0]
#: Our own keys that clients can encrypt to: type, size or curve, and additional algorithms for the same key.
OWN_KEYS: Mapping[str, tuple[str, str | int, tuple[str, ...]]] = {
    "RSA-OAEP-256": ("RSA", 2048, ("RSA-OAEP",)),
    "ECDH-ES": ("EC", "P-256", ("ECDH-ES+A128KW", "ECDH-ES+A256KW")),
}
#: Longer texts are not parsed.
MAX_JWE_CHARACTERS = 16 * 1024
_registry = jwe.JWERegistry(algorithms=[*KEY_ALGORITHMS, *CONTENT_ALGORITHMS])


def generate_decryption_key(algorithm: str) -> dict[str, Any]:
    """Return a new private key as a JWK; its ``kid`` is its thumbprint (:rfc:`7638`)."""
    key_type, kind, _more = OWN_KEYS[algorithm]
    key = JWKRegistry.generate_key(key_type, kind, {"use": "enc"}, auto_kid=True)
    return dict(key.as_dict(private=True))


def algorithms_of(own: Iterable[str]) -> list[str]:
    """Return all algorithms that clients may use to encrypt to our keys of these algorithms."""
    return [name for algorithm in own for name in (algorithm, *OWN_KEYS[algorithm][2])]


def encrypt(signed: str, key: Key, key_algorithm: str, content_algorithm: str) -> str:
    """Encrypt a signed JWT to a public key (:rfc:`7519#section-11.2`)."""
    header: dict[str, Any] = {"alg": key_algorithm, "enc": content_algorithm, "cty": "JWT"}
    if key.get("kid"):
        header["kid"] = key["kid"]
    return jwe.encrypt_compact(header, signed, key, registry=_registry)


def decrypt(text: str, keys: Mapping[str, Key]) -> str | None:
    """Decrypt a compact JWE that was encrypted to one of the keys; return ``None`` for any other text.

    Only ``kid`` in the header selects a key. Compression and extensions are rejected.
    """
    if len(text) > MAX_JWE_CHARACTERS or text.count(".") != 4:
        return None
    header = _read_header(text.partition(".")[0])
    if header is None or not {"zip", "crit"}.isdisjoint(header):
        return None
    algorithm, key_id = header.get("alg"), header.get("kid")
    fitting = [key for key in keys.values() if KEY_ALGORITHMS.get(str(algorithm)) == key.key_type]
    for key in fitting if key_id is None else [key for key in fitting if key.kid == key_id]:
        try:
            plain = jwe.decrypt_compact(text, key, registry=_registry).plaintext
            return None if plain is None else plain.decode("ascii")
        except (JoseError, InvalidTag, ValueError, TypeError, KeyError, AttributeError):
            continue  # joserfc raises various exceptions for odd header values
    return None


def _read_header(part: str) -> dict[str, Any] | None:
    try:
        return read_object(base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True))
    except (MalformedJSONError, ValueError):
        return None
