"""A client of APIs: it names them by ``resource``, a person lets it in, and it exchanges, narrows and refreshes."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.support.every_page import admit
from tests.support.person import REDIRECT_URI, Answer, Person, Pkce, code_of
from tests.support.token_requests import TOKEN, MachineClient, Provider
from tests.support.token_requests import Answer as MachineAnswer
from website.resources import Resource, ResourceScope

Asked = Sequence[str]


def create_api(provider: Provider, open_scopes: str = "", closed_scopes: str = "", **fields: Any) -> Resource:
    """Register an API, whose scopes are open to clients that registered themselves, or closed."""
    name = fields.pop("name", "Photo API")
    identifier = fields.pop("identifier", f"https://{secrets.token_hex(8)}.example/api")
    scopes = [ResourceScope(value, f"Do {value}", is_open=True) for value in open_scopes.split()]
    scopes += [ResourceScope(value, f"Do {value}") for value in closed_scopes.split()]
    if open_scopes or closed_scopes:  # else as the server's mode has it
        fields.setdefault("is_open", bool(open_scopes))
    return provider.server.resources.create(identifier, name, scopes, **fields)


@dataclass
class ResourceClient:
    """A client of the code flow, and the browser of a person."""

    provider: Provider
    client: MachineClient
    person: Person
    pkce: Pkce = field(default_factory=Pkce)

    @classmethod
    def create(
        cls, provider: Provider, username: str = "alice", policy: dict[str, Any] | None = None, **metadata: Any
    ) -> ResourceClient:
        fields = {
            "redirect_uris": [REDIRECT_URI],
            "response_types": ["code", "token", "code token"],
            "scope": "openid profile email photos",
            **metadata,
        }
        grant_types = ("authorization_code", "refresh_token", "implicit", "client_credentials", "password")
        client = provider.create_client(*grant_types, policy=policy, **fields)
        person = Person(provider.application.test_client())
        admit(person, provider.application, username)
        return cls(provider, client, person)

    def ask(self, scope: str | None, *resources: str, **parameters: str) -> Answer:
        """Open the authorization endpoint."""
        wanted = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": REDIRECT_URI,
            "nonce": "n",
            **self.pkce.parameters,
            **({} if scope is None else {"scope": scope}),
            **parameters,
        }
        pairs = [*wanted.items(), *(("resource", resource) for resource in resources)]
        return self.person.get(f"/oauth/authorize?{urlencode(pairs)}")

    def allow(self, scope: str | None, *resources: str, **parameters: str) -> Answer:
        page = self.ask(scope, *resources, **parameters)
        return self.person.decide(page) if page.status == 200 else page

    def exchange(self, code: str, *resources: str, **fields: str) -> MachineAnswer:
        known = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": self.pkce.verifier}
        return self.post_token("authorization_code", *resources, **known, **fields)

    def refresh(self, refresh_token: str, *resources: str, **fields: str) -> MachineAnswer:
        return self.post_token("refresh_token", *resources, refresh_token=refresh_token, **fields)

    def post_token(self, grant_type: str, *resources: str, **fields: str) -> MachineAnswer:
        pairs = [("grant_type", grant_type), *fields.items(), *(("resource", resource) for resource in resources)]
        return self.provider.post(TOKEN, pairs, self.client)

    def get_tokens(self, scope: str | None, *resources: str) -> dict[str, Any]:
        """Let the client in for these APIs, and exchange the code for all of them."""
        answer = self.exchange(code_of(self.allow(scope, *resources)))
        assert answer.status == 200, answer.body
        return answer.json

    def describe(self, access_token: str) -> tuple[list[str], set[str]]:
        """Return audience and scope of an access token, as its own client sees them by introspection."""
        said = self.provider.introspect(self.client, access_token)
        assert said["active"], said
        return said["aud"], set(said["scope"].split())


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a JWT, unverified."""
    return _read(token.split(".")[1])


def header_of(token: str) -> dict[str, Any]:
    return _read(token.split(".")[0])


def _read(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
