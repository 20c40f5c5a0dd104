"""A client at the protocol endpoints: authenticates, requests tokens, refreshes, revokes, introspects."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.support import canary
from tests.support.live_server import SETTINGS, close_database
from tests.support.prepared_databases import make_application
from tests.support.waiting import POLL_SECONDS, seconds
from website.errors.catalogue import CATALOGUE
from website.models.base import Base

FORM = "application/x-www-form-urlencoded"
TOKEN, REVOKE, INTROSPECT = "/oauth/token", "/oauth/revoke", "/oauth/introspect"
SCOPES = {
    "profile": "See your name",
    "photos": "See your photos",
    "openid": "Know who you are",
    "offline_access": "Act while you are away",
}
#: What production cannot start without.
PRODUCTION = {
    "OAUTH2_DEMO": False,
    "OAUTH2_ISSUER": "https://id.example",
    "SECRET_KEY": "zJ4w9QmX1cRk7fTbV0aYh3LsUe6nPd8G",
    "OAUTH2_KEY_ENCRYPTION_KEY": "Rk3vT8yB1nQ6wZ0mC5xJ9sD2fH7gL4pA_uE-iO3rWtY",
    "AUTHLIB_INSECURE_TRANSPORT": False,
    "TESTING": False,
}
Fields = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass(frozen=True)
class MachineClient:
    """A client as its developer knows it, and the id of its row."""

    client_id: str
    secret: str | None
    row: str
    method: str

    @property
    def basic(self) -> str:
        return basic(self.client_id, self.secret or "")

    @property
    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """The fields and the headers by which it authenticates."""
        if self.method == "client_secret_basic":
            return {}, {"Authorization": self.basic}
        if self.method == "client_secret_post":
            return {"client_id": self.client_id, "client_secret": self.secret or ""}, {}
        return {"client_id": self.client_id}, {}


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


class Provider:
    """An application, looked at from the machines' door."""

    def __init__(self, application: Flask) -> None:
        self.application = application
        self.server = application.extensions["grantwright"]
        self._door = application.test_client(use_cookies=False)
        issuer = self.server.settings.issuer
        self._base_url = issuer or "http://127.0.0.1:5000"

    def create_client(
        self, *grant_types: str, policy: Mapping[str, Any] | None = None, **metadata: Any
    ) -> MachineClient:
        """Store a client; of client_credentials with Basic authentication unless said otherwise."""
        chosen = {
            "client_name": "Photo Printer",
            "redirect_uris": [],
            "grant_types": list(grant_types) or ["client_credentials"],
            "response_types": [],
            "scope": "profile photos",
            "token_endpoint_auth_method": "client_secret_basic",
            **metadata,
        }
        client, secret = self.server.clients.create(chosen, None, **(policy or {}))
        return MachineClient(client.client_id, secret, client.id, chosen["token_endpoint_auth_method"])

    def create_user(self, username: str = "alice") -> str:
        return str(self.server.users.find_or_create(username).username)

    def open(self, method: str, path: str, **arguments: Any) -> Answer:
        response = self._door.open(path, method=method, **{"base_url": self._base_url, **arguments})
        if response.mimetype == "application/json" and response.status_code >= 400 and method != "HEAD":
            code = response.get_json().get("error")
            assert code is None or code in CATALOGUE, f"{code} has no page"
        return Answer(response.status_code, response.headers, response.get_data())

    def get(self, path: str, **headers: str) -> Answer:
        return self.open("GET", path, headers=headers)

    def post(self, path: str, fields: Fields, client: MachineClient | None = None, **headers: str) -> Answer:
        """Post a form, as ``client`` where one is given."""
        pairs = list(fields.items()) if isinstance(fields, Mapping) else list(fields)
        own_fields, own_headers = client.credentials if client else ({}, {})
        body = urlencode([*pairs, *own_fields.items()])
        return self.open("POST", path, data=body, content_type=FORM, headers={**own_headers, **headers})

    def ask_token(self, client: MachineClient, grant_type: str = "client_credentials", **fields: str) -> Answer:
        return self.post(TOKEN, {"grant_type": grant_type, **fields}, client)

    def get_token(self, client: MachineClient, grant_type: str = "client_credentials", **fields: str) -> dict[str, Any]:
        answer = self.ask_token(client, grant_type, **fields)
        assert answer.status == 200, answer.body
        return answer.json

    def log_in(self, client: MachineClient, username: str = "alice", **fields: str) -> dict[str, Any]:
        """Get tokens of a user by the password grant, the shortest way to a grant with a user."""
        self.create_user(username)
        return self.get_token(client, "password", username=username, password="valid", **fields)

    def refresh(self, client: MachineClient, refresh_token: str, **fields: str) -> Answer:
        return self.ask_token(client, "refresh_token", refresh_token=refresh_token, **fields)

    def revoke(self, client: MachineClient, token: str, **fields: str) -> Answer:
        return self.post(REVOKE, {"token": token, **fields}, client)

    def introspect(self, client: MachineClient, token: str, **fields: str) -> dict[str, Any]:
        answer = self.post(INTROSPECT, {"token": token, **fields}, client)
        assert answer.status == 200, answer.body
        return answer.json

    def is_active(self, client: MachineClient, token: str) -> bool:
        return bool(self.introspect(client, token)["active"])

    def read_everything(self) -> str:
        """Return every value of every table, as text."""
        with self.server.database.engine.connect() as connection:
            return "\n".join(
                repr(tuple(row)) for table in Base.metadata.sorted_tables for row in connection.execute(table.select())
            )


@contextmanager
def served(application: Flask, port: int) -> Iterator[None]:
    """Serve an application of this process at a port, in threads."""
    server = make_server("127.0.0.1", port, application, threaded=True, request_handler=_SilentHandler)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(seconds(10))


class _SilentHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None: ...


@contextmanager
def open_provider(folder: Path, database_uri: str, **settings: Any) -> Iterator[Provider]:
    """Build an application that several tests share: each brings clients and users of its own."""
    since = canary.mark()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(SETTINGS)]:
            patch.delenv(name)
        application = make_application(
            {
                "TESTING": True,
                "SQLALCHEMY_DATABASE_URI": database_uri,
                "OAUTH2_INSTANCE_PATH": str(folder),
                "OAUTH2_ACCESS_LOG": False,
                "OAUTH2_SCOPES": SCOPES,
                "AUTHLIB_INSECURE_TRANSPORT": True,
                # A test that travels in time would be taken back by the next connection to PostgreSQL.
                "OAUTH2_DATABASE_CLOCK": False,
                **settings,
            }
        )
    try:
        yield Provider(application)
        canary.check(since, database_uri, folder)
    finally:
        close_database(application)
