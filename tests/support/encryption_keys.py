"""Keys of a client to which ID tokens and UserInfo answers are encrypted, and how it reads them."""

from __future__ import annotations

import json
from typing import Any

from jwcrypto import jwe, jwk

from tests.support.openid_client import OpenIDClient
from tests.support.signing_client import jwks_of
from tests.support.token_requests import Answer

RSA = jwk.JWK.generate(kty="RSA", size=2048, kid="to-rsa", use="enc")
EC = jwk.JWK.generate(kty="EC", crv="P-256", kid="to-ec", use="enc")
SIGNING_ONLY = jwk.JWK.generate(kty="RSA", size=2048, kid="signs", use="sig")
KEYS = jwks_of(SIGNING_ONLY, RSA, EC)
#: Of each algorithm the key that takes it.
KEY_ALGORITHMS = {"RSA-OAEP": RSA, "RSA-OAEP-256": RSA, "ECDH-ES": EC, "ECDH-ES+A128KW": EC, "ECDH-ES+A256KW": EC}
CONTENT_ALGORITHMS = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")


def userinfo(site: OpenIDClient, access_token: str) -> Answer:
    return site.provider.get("/oauth/userinfo", Authorization=f"Bearer {access_token}")


def decrypt(text: str, key: jwk.JWK) -> tuple[dict[str, Any], str]:
    """Return header and content of what was encrypted to a key."""
    token = jwe.JWE(algs=[*KEY_ALGORITHMS, *CONTENT_ALGORITHMS])
    token.deserialize(text, key)
    return json.loads(token.objects["protected"]), token.payload.decode()
