"""Owns how JWTs are encrypted (JWE, :rfc:`7516`): the algorithms, and the one way to write one.

Not offered: RSA1_5, whose padding tells an attacker too much; passwords (PBES2); compression, which lets a short text
become an endless one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwe
from joserfc.jwk import Key

#: How the content's key reaches the client, and the type of the client's key that it takes.
KEY_ALGORITHMS: Mapping[str, str] = {
    "RSA-OAEP-256": "RSA",
    "RSA-OAEP": "RSA",
    "ECDH-ES": "EC",
    "ECDH-ES+A128KW": "EC",
    "ECDH-ES+A256KW": "EC",
}
CONTENT_ALGORITHMS = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")
DEFAULT_CONTENT_ALGORITHM = CONTENT_ALGORITHMS[0]
_registry = jwe.JWERegistry(algorithms=[*KEY_ALGORITHMS, *CONTENT_ALGORITHMS])


def encrypt(signed: str, key: Key, key_algorithm: str, content_algorithm: str) -> str:
    """Return a signed JWT, encrypted to a public key (:rfc:`7519#section-11.2`)."""
    header: dict[str, Any] = {"alg": key_algorithm, "enc": content_algorithm, "cty": "JWT"}
    if key.get("kid"):
        header["kid"] = key["kid"]
    return jwe.encrypt_compact(header, signed, key, registry=_registry)
