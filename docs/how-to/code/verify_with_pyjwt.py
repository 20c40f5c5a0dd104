"""Verifies a JWT access token with PyJWT, given the issuer and the audience: prints whose token it is."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import jwt
import requests

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]

metadata = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=5).json()
if metadata["issuer"] != ISSUER:
    raise SystemExit("The metadata is for another issuer.")
# It fetches the keys when a token names one that it doesn't know, so create it once.
keys = jwt.PyJWKClient(metadata["jwks_uri"], lifespan=300, timeout=5)


def verify(token: str) -> dict[str, Any]:
    """Return the claims of an access token. Raises ``jwt.PyJWTError`` unless it's valid and for us."""
    decoded = jwt.decode_complete(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=["RS256", "ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        leeway=10,
        options={"require": ["iss", "aud", "exp", "sub", "client_id"]},
    )
    if decoded["header"].get("typ") != "at+jwt":  # the same keys sign ID tokens and others
        raise jwt.InvalidTokenError("not an access token")
    return dict(decoded["payload"])


if __name__ == "__main__":
    try:
        claims = verify(sys.stdin.read().strip())
    except jwt.PyJWTError as error:
        raise SystemExit(f"invalid_token: {error}") from None
    print(json.dumps({"sub": claims["sub"], "client_id": claims["client_id"], "scope": claims["scope"]}))
