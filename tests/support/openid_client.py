"""A client of OpenID Connect, as a test uses one: it asks in a browser, and another library judges ID tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from jwcrypto import jwk, jwt

from tests.support.person import REDIRECT_URI, Answer, Person, Pkce, code_of, read_hidden_fields
from tests.support.token_requests import MachineClient, Provider

EVERY_RESPONSE_TYPE = (
    "code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token",
)  # fmt: skip
#: Those of OpenID Connect that bring something through the browser.
IN_BROWSER = ("id_token", "id_token token", "code id_token", "code token", "code id_token token")
ISSUER = "http://127.0.0.1:5000"
#: In the demo the issuer is the address that was called: the browser's, or the one of the machines' door.
ISSUERS = (ISSUER, "http://localhost")
NONCE = "n-0S6_WzA2Mj"


@dataclass
class OpenIDClient:
    """One registered client, and one person's browser."""

    provider: Provider
    client: MachineClient
    person: Person
    pkce: Pkce = field(default_factory=Pkce)

    @classmethod
    def create(cls, provider: Provider, **metadata: Any) -> OpenIDClient:
        client = provider.create_client(
            "authorization_code", "implicit", "refresh_token", redirect_uris=[REDIRECT_URI],
            response_types=list(EVERY_RESPONSE_TYPE),
            **{"scope": "openid profile email address phone offline_access", **metadata},
        )  # fmt: skip
        return cls.of(provider, client)

    @classmethod
    def of(cls, provider: Provider, client: MachineClient) -> OpenIDClient:
        """Be a client that is there already."""
        return cls(provider, client, Person(provider.application.test_client()))

    def ask(self, response_type: str = "code", **parameters: str | None) -> Answer:
        wanted: dict[str, str | None] = {"scope": "openid", "nonce": NONCE, **parameters}
        if "code" in response_type.split():
            wanted = {**self.pkce.parameters, **wanted}
        return self.person.ask(self.client.client_id, response_type=response_type, **wanted)

    def allow(self, response_type: str = "code", **parameters: str | None) -> Answer:
        page = self.ask(response_type, **parameters)
        return self.person.decide(page) if page.status == 200 else page

    def redeem(self, code: str) -> dict[str, Any]:
        fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": self.pkce.verifier}
        return self.provider.get_token(self.client, "authorization_code", **fields)

    def get_tokens(self, **parameters: str | None) -> dict[str, Any]:
        """Let the person in by the code flow; return the token response."""
        return self.redeem(code_of(self.allow(**parameters)))

    def judge(self, id_token: str, **expected: Any) -> dict[str, Any]:
        """Verify an ID token by the published keys; return its claims."""
        keys = jwk.JWKSet.from_json(self.provider.get("/oauth/jwks").body.decode())
        header = header_of(id_token)
        key = keys.get_key(header["kid"])
        assert key is not None
        wanted = {"aud": self.client.client_id, **expected}
        token = jwt.JWT(jwt=id_token, key=key, algs=[header["alg"]], check_claims=wanted)
        claims: dict[str, Any] = json.loads(token.claims)
        assert claims["iss"] in ISSUERS
        return claims


def header_of(token: str) -> dict[str, Any]:
    header = token.partition(".")[0]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    return read


def half_hash(text: str, hash_name: str = "sha256") -> str:
    """The left half of a hash, as OpenID Connect Core 1.0, section 3.1.3.6 has it."""
    digest = hashlib.new(hash_name, text.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def posted_fields(page: Answer) -> dict[str, str]:
    """What a form_post page would post."""
    return read_hidden_fields(page.text[page.text.index('id="form_post"') :])
