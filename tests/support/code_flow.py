"""The code flow, step by step: a person, a client, a code, and what it gives."""

from __future__ import annotations

from typing import Any

from flask import Flask

from tests.support.person import REDIRECT_URI, Person, Pkce, RegisteredClient, code_of


class Flow:
    """A person, a client, and a code just given."""

    def __init__(self, application: Flask, **client_fields: str) -> None:
        self.application = application
        self.person = Person(application.test_client())
        self.person.log_in()
        self.client = self.person.create_client(**client_fields)

    def new_code(self, pkce: Pkce, **parameters: str | None) -> str:
        return code_of(self.person.allow(self.client, **pkce.parameters, **parameters))

    def redeem(
        self, code: str, pkce: Pkce | None, client: RegisteredClient | None = None, **changes: str | None
    ) -> Any:
        client = client or self.client
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": pkce.verifier if pkce else None,
            **({"client_id": client.client_id} if client.secret is None else {}),
            **changes,
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        headers = client.basic if client.secret else {}
        return self.application.test_client().post("/oauth/token", data=sent, headers=headers)

    def is_active(self, token: str) -> bool:
        answer = self.application.test_client().post(
            "/oauth/introspect", data={"token": token}, headers=self.client.basic
        )
        return bool(answer.get_json()["active"])
