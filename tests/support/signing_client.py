"""JWTs signed by a client with a library other than the server's: client assertions and request objects."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from jwcrypto import jwk, jwt

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_KINDS = {
    "RS": {"kty": "RSA", "size": 2048},
    "PS": {"kty": "RSA", "size": 2048},
    "Ed": {"kty": "OKP", "crv": "Ed25519"},
}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_made: dict[str, jwk.JWK] = {}


def key_for(algorithm: str) -> jwk.JWK:
    """Return the key with which every client of these tests signs by an algorithm; made once, as RSA is slow."""
    if algorithm not in _made:
        kind = {"kty": "EC", "crv": _CURVES[algorithm]} if algorithm in _CURVES else _KINDS[algorithm[:2]]
        _made[algorithm] = jwk.JWK.generate(**kind, kid=f"key-{algorithm}", use="sig", alg=algorithm)
    return _made[algorithm]


def jwks_of(*keys: jwk.JWK) -> dict[str, Any]:
    """Return what a client publishes of its keys."""
    return {"keys": [json.loads(key.export_public()) for key in keys]}


def secret_key(secret: str) -> jwk.JWK:
    """Return a client secret as the key of an HMAC."""
    return jwk.JWK.from_password(secret)


def sign(key: jwk.JWK, algorithm: str, claims: dict[str, Any], **header: Any) -> str:
    named = {"kid": key.get("kid")} if key.get("kid") else {}
    token = jwt.JWT(header={"alg": algorithm, **named, **header}, claims=claims)
    token.make_signed_token(key)
    return str(token.serialize())


def assertion_claims(client_id: str, audience: str, **changes: Any) -> dict[str, Any]:
    """Return what a client says to authenticate itself; a change to ``None`` leaves a claim out."""
    present = int(time.time())
    claims = {
        "iss": client_id, "sub": client_id, "aud": audience, "jti": secrets.token_urlsafe(8), "iat": present,
        "exp": present + 60, **changes,
    }  # fmt: skip
    return {name: value for name, value in claims.items() if value is not None}
