"""Validation of clients' JWKs (:rfc:`7517`): accepted keys and stored members.

Clients choose their own keys, and verifying a request, even a forged one, costs as much as the key demands. So size,
exponent, curve and number of keys are limited, whether they come from a registration, a page, a command or a URL.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from .field_checks import document_url

JWKS_FIELD, JWKS_URI_FIELD = "jwks", "jwks_uri"
MAX_KEYS = 20
MIN_RSA_BITS, MAX_RSA_BITS, MAX_EXPONENT_BITS = 2048, 4096, 32
CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519",)}
#: The maximum length of a member: a modulus of 4096 bits has 683 characters.
MAX_MEMBER_CHARACTERS = 1024
#: The stored members of a key. Certificates and the like are ignored.
KNOWN_MEMBERS = ("kty", "kid", "use", "alg", "crv", "n", "e", "x", "y")
#: Members that only private and symmetric keys have.
PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
PRIVATE_KEY_PROBLEM = (
    "This is a private or secret key, which must never be sent to anybody. Create a new key pair and register its"
    " public key."
)


def check_jwks(value: Any, metadata: Mapping[str, Any]) -> str:
    """Return the problem with keys registered by value (:rfc:`7517#section-5`), or ""."""
    if JWKS_URI_FIELD in metadata:
        return "Register either the keys themselves or their URL, not both."
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        return f"Write a JWK Set: an object whose member 'keys' is a list of 1 to {MAX_KEYS} keys."
    return next(filter(None, map(_find_key_problem, keys)), "")


#: The fields for a client's keys, each with its check.
KEY_FIELDS = {JWKS_FIELD: check_jwks, JWKS_URI_FIELD: document_url}


def keep_known_members(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata with only the known members of each key in ``jwks``; other fields are unchanged."""
    document = metadata.get(JWKS_FIELD)
    if document is None:
        return dict(metadata)
    return {**metadata, JWKS_FIELD: {"keys": [_known_part(key) for key in _public_keys(document)]}}


def open_keys(document: Any) -> list[Key]:
    """Import the public keys of a JWK Set that are within the limits; return none for any other document.

    Only considers the first twenty keys, to limit the work.
    """
    return [key for key in map(open_key, _public_keys(document)) if key is not None]


def open_key(jwk: Mapping[str, Any]) -> Key | None:
    """Import a public key within the limits; return ``None`` for anything else, including unknown kinds."""
    if find_bounds_problem(jwk):
        return None
    try:
        key: Key = JWKRegistry.import_key(_known_part(jwk))
        _ = key.raw_value  # import it now, so that malformed ones fail here
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


def find_bounds_problem(jwk: Mapping[str, Any]) -> str:
    """Return why a public key is too weak, too expensive or of an unknown kind, or ""."""
    texts = [jwk[name] for name in KNOWN_MEMBERS if name in jwk]
    if not all(isinstance(text, str) and len(text) <= MAX_MEMBER_CHARACTERS for text in texts):
        return f"Each member of a key must be a string of at most {MAX_MEMBER_CHARACTERS} characters."
    kind = jwk.get("kty")
    if kind == "RSA":
        return _find_rsa_problem(_number(jwk.get("n", "")), _number(jwk.get("e", "")))
    if kind not in CURVES:
        return "Use a key of type RSA, EC or OKP."
    if jwk.get("crv") not in CURVES[kind]:
        return f"Use one of these curves: {', '.join(CURVES[kind])}."
    return ""


def _find_rsa_problem(modulus: int, exponent: int) -> str:
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS or modulus % 2 == 0:
        return f"An RSA key must have an odd modulus of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits."
    # The cost of verification grows with it, and nobody needs more than 65537 (RFC 8017 sets no limit).
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > MAX_EXPONENT_BITS:
        return f"An RSA key must have an odd exponent from 3 to {MAX_EXPONENT_BITS} bits, usually 65537."
    return ""


def _find_key_problem(key: Any) -> str:
    if not isinstance(key, dict) or not isinstance(key.get("kty"), str):
        return "Each key must be a JWK: an object with 'kty'."
    if PRIVATE_MEMBERS & key.keys():
        return PRIVATE_KEY_PROBLEM
    return find_bounds_problem(key) or ("" if open_key(key) is not None else "A key is malformed.")


def _public_keys(document: Any) -> Sequence[dict[str, Any]]:
    """Return the first keys of a JWK Set that are of a known kind and not private, without importing them."""
    keys = document.get("keys") if isinstance(document, dict) else None
    found = (key for key in (keys if isinstance(keys, list) else ()) if isinstance(key, dict))
    public_keys = (key for key in found if key.get("kty") in ("RSA", *CURVES) and not PRIVATE_MEMBERS & key.keys())
    return list(islice(public_keys, MAX_KEYS))


def _known_part(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: jwk[name] for name in KNOWN_MEMBERS if isinstance(jwk.get(name), str)}


def _number(text: str) -> int:
    try:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return 0
