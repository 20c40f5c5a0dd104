"""Request objects: what a client asks for, signed by it, and encrypted to this server where it likes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jwcrypto import jwe, jwk

from tests.support.openid_client import NONCE, OpenIDClient
from tests.support.person import REDIRECT_URI, Answer
from tests.support.signing_client import jwks_of, key_for, sign
from tests.support.token_requests import Provider

ISSUER = "http://localhost"


def create_site(provider: Provider, **metadata: Any) -> OpenIDClient:
    site = OpenIDClient.create(provider, jwks=jwks_of(key_for("ES256"), key_for("RS256")), **metadata)
    site.person.log_in()
    return site


def parameters(site: OpenIDClient, **changes: Any) -> dict[str, Any]:
    """Return what the client asks for, as an object has it."""
    asked = {
        "iss": site.client.client_id, "aud": ISSUER, "client_id": site.client.client_id, "response_type": "code",
        "redirect_uri": REDIRECT_URI, "scope": "openid", "nonce": NONCE, "state": "signed", **site.pkce.parameters,
        **changes,
    }  # fmt: skip
    return {name: value for name, value in asked.items() if value is not None}


def signed(site: OpenIDClient, algorithm: str = "ES256", header: dict[str, Any] | None = None, **changes: Any) -> str:
    return sign(key_for(algorithm), algorithm, parameters(site, **changes), **(header or {}))


def send(site: OpenIDClient, **fields: str | None) -> Answer:
    """Send the browser with these parameters alone."""
    named = {"client_id": site.client.client_id, **fields}
    bare = {"response_type": None, "redirect_uri": None, "scope": None, "state": None}
    return site.person.ask(site.client.client_id, **{**bare, **named})


def answered(answer: Answer) -> dict[str, str]:
    assert answer.status in (302, 303), answer.text
    parts = urlsplit(answer.location)
    return dict(parse_qsl(parts.query or parts.fragment))


ALGORITHMS = ("RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW")
CONTENT_ALGORITHMS = ("A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM")
EVERY_ALGORITHM = [*ALGORITHMS, *CONTENT_ALGORITHMS, "RSA1_5", "PBES2-HS256+A128KW", "dir", "A192GCM"]


def own_keys(provider: Provider) -> dict[str, jwk.JWK]:
    """The keys to which this server's clients encrypt, by their type."""
    keys = json.loads(provider.get("/oauth/jwks").body)["keys"]
    return {key["kty"]: jwk.JWK(**key) for key in keys if key["use"] == "enc"}


def encrypt(text: str, key: jwk.JWK, algorithm: str, content: str = "A128GCM", **header: Any) -> str:
    named = {"alg": algorithm, "enc": content, "cty": "JWT", "kid": key.get("kid"), **header}
    protected = json.dumps({name: value for name, value in named.items() if value is not None})
    token = jwe.JWE(text.encode(), protected=protected, algs=EVERY_ALGORITHM)
    token.add_recipient(key)
    return str(token.serialize(compact=True))


def key_of(provider: Provider, algorithm: str) -> jwk.JWK:
    return own_keys(provider)["RSA" if algorithm.startswith("RSA") else "EC"]
