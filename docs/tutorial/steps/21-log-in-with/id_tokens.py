"""What a client checks in an ID token before it believes it."""

import base64
import hashlib

from joserfc import jwt


def read_id_token(text, keys, *, issuer, client_id, nonce, access_token):
    """Return the claims of an ID token. Raises JoseError or ValueError if it isn't for us.

    `keys` are the provider's public keys; `nonce` is what this client sent; `access_token` is what came with it.
    """
    # The client names the algorithm. If the token could choose, a thief would choose one that needs no key.
    claims = jwt.decode(text, keys, algorithms=["RS256"]).claims
    required = {"iss": issuer, "aud": client_id, "nonce": nonce, "at_hash": half_hash(access_token)}
    rules = {name: {"essential": True, "value": value} for name, value in required.items()}
    jwt.JWTClaimsRegistry(**rules, sub={"essential": True}, exp={"essential": True}).validate(claims)
    return claims


def half_hash(access_token):
    """Return the left half of the token's SHA-256 (OpenID Connect Core, section 3.1.3.6)."""
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
