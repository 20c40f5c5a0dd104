"""A client that registers itself: sends JSON, keeps its registration access token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.support.token_requests import Answer, MachineClient, Provider

REGISTER = "/oauth/register"
REDIRECT_URI = "https://client.example/cb"


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def send(provider: Provider, method: str, path: str, document: object = None, token: str | None = None) -> Answer:
    body = {} if document is None else {"data": json.dumps(document), "content_type": "application/json"}
    return provider.open(method, path, headers=bearer(token), **body)


def new_token(provider: Provider, uses: int = 1, seconds: int = 60) -> str:
    """Make an initial access token, as an operator would."""
    return str(provider.server.clients.initial_access_tokens.create("a test", uses, seconds)[1])


def ask(provider: Provider, token: str | None = None, **document: Any) -> Answer:
    """Ask for a registration, by a fresh initial access token unless one is given."""
    fields = {"redirect_uris": [REDIRECT_URI], **document}
    return send(provider, "POST", REGISTER, fields, new_token(provider) if token is None else token)


@dataclass(frozen=True)
class Registration:
    """A registration as its client knows it."""

    provider: Provider
    said: dict[str, Any]

    @classmethod
    def create(cls, provider: Provider, **document: Any) -> Registration:
        answer = ask(provider, **document)
        assert answer.status == 201, answer.body
        return cls(provider, answer.json)

    @property
    def path(self) -> str:
        return urlsplit(str(self.said["registration_client_uri"])).path

    @property
    def token(self) -> str:
        return str(self.said["registration_access_token"])

    @property
    def client(self) -> MachineClient:
        """The client, as it authenticates."""
        row = self.provider.server.clients.find_any(self.said["client_id"])
        method = self.said["token_endpoint_auth_method"]
        return MachineClient(self.said["client_id"], self.said.get("client_secret"), row.id if row else "", method)

    def read(self, token: str | None = None) -> Answer:
        return send(self.provider, "GET", self.path, token=token or self.token)

    def replace(self, **document: Any) -> Answer:
        fields = {"client_id": self.said["client_id"], **document}
        return send(self.provider, "PUT", self.path, fields, self.token)

    def delete(self) -> Answer:
        return send(self.provider, "DELETE", self.path, token=self.token)
