"""The keys that a client supplies as JWKs (:rfc:`7517`): which are accepted, and what of them is kept.

Whoever registers a client chooses its keys, and each request that it signs, or seems to have signed, costs what they
cost. So sizes, exponents, curves and numbers have bounds, the same wherever a key comes from: a registration, a page,
a command, an address.
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
#: The longest text of a member: a modulus of 4096 bits takes 683 characters.
MAX_MEMBER_CHARACTERS = 1024
#: What is kept of a key. Certificates and the like are not believed, and so not kept.
KNOWN_MEMBERS = ("kty", "kid", "use", "alg", "crv", "n", "e", "x", "y")
#: Members that only a private or a symmetric key has.
PRIVATE_MEMBERS = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
PRIVATE_KEY_PROBLEM = (
    "This is a private or secret key, which nobody but its owner should have seen. Make a new key pair, and register"
    " its public key."
)


def check_jwks(value: Any, metadata: Mapping[str, Any]) -> str:
    """Say what is wrong with keys that a client registers by value (:rfc:`7517#section-5`)."""
    if JWKS_URI_FIELD in metadata:
        return "Register the keys themselves or their address, not both."
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        return f"Write a JWK Set: an object whose member 'keys' is a list of 1 to {MAX_KEYS} keys."
    return next(filter(None, map(_find_key_problem, keys)), "")


#: The fields by which a client registers its keys, each with its check.
KEY_FIELDS = {JWKS_FIELD: check_jwks, JWKS_URI_FIELD: document_url}


def keep_known_members(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata whose ``jwks`` has what is known of each key and nothing else; other fields as they are."""
    document = metadata.get(JWKS_FIELD)
    if document is None:
        return dict(metadata)
    return {**metadata, JWKS_FIELD: {"keys": [_known_part(key) for key in _public_keys(document)]}}


def open_keys(document: Any) -> list[Key]:
    """Return the keys of a JWK Set that are public and within the bounds; of any other document none.

    Of the first twenty alone: what comes after them would cost time, and is not looked at.
    """
    return [key for key in map(open_key, _public_keys(document)) if key is not None]


def open_key(jwk: Mapping[str, Any]) -> Key | None:
    """Return a public key that is within the bounds; ``None`` for anything else, as of a kind that is unknown here."""
    if find_bounds_problem(jwk):
        return None
    try:
        key: Key = JWKRegistry.import_key(_known_part(jwk))
        _ = key.raw_value  # opened now, so that a malformed one is found here
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key


def find_bounds_problem(jwk: Mapping[str, Any]) -> str:
    """Say in what a public key is too weak, too costly to use, or of an unknown kind."""
    texts = [jwk[name] for name in KNOWN_MEMBERS if name in jwk]
    if not all(isinstance(text, str) and len(text) <= MAX_MEMBER_CHARACTERS for text in texts):
        return f"A member of a key is a string of at most {MAX_MEMBER_CHARACTERS} characters."
    kind = jwk.get("kty")
    if kind == "RSA":
        return _find_rsa_problem(_number(jwk.get("n", "")), _number(jwk.get("e", "")))
    if kind not in CURVES:
        return "Use a key of type RSA, EC or OKP."
    if jwk.get("crv") not in CURVES[kind]:
        return f"Use a curve that is known here: {', '.join(CURVES[kind])}."
    return ""


def _find_rsa_problem(modulus: int, exponent: int) -> str:
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS or modulus % 2 == 0:
        return f"An RSA key has an odd modulus of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits."
    # Every signature costs a power of it, and nobody needs more than 65537 (RFC 8017 sets no upper end).
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > MAX_EXPONENT_BITS:
        return f"An RSA key has an odd exponent, 3 or more, of at most {MAX_EXPONENT_BITS} bits; 65537 is usual."
    return ""


def _find_key_problem(key: Any) -> str:
    if not isinstance(key, dict) or not isinstance(key.get("kty"), str):
        return "Each key is a JWK: an object with 'kty'."
    if PRIVATE_MEMBERS & key.keys():
        return PRIVATE_KEY_PROBLEM
    return find_bounds_problem(key) or ("" if open_key(key) is not None else "A key is malformed.")


def _public_keys(document: Any) -> Sequence[dict[str, Any]]:
    """Return the first keys of a JWK Set that are of a known kind and not private, unopened."""
    keys = document.get("keys") if isinstance(document, dict) else None
    found = (key for key in (keys if isinstance(keys, list) else ()) if isinstance(key, dict))
    known = (key for key in found if key.get("kty") in ("RSA", *CURVES) and not PRIVATE_MEMBERS & key.keys())
    return list(islice(known, MAX_KEYS))


def _known_part(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: jwk[name] for name in KNOWN_MEMBERS if isinstance(jwk.get(name), str)}


def _number(text: str) -> int:
    try:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return 0
