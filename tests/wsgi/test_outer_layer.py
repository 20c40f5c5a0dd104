"""The outermost layer as plain WSGI: no Flask anywhere, an answer whatever happens, a request id on each."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import create_engine

from tests.support.token_requests import FORM, INTROSPECT, REVOKE, TOKEN, basic
from website.database import prepare_engine
from website.keys.key_encryption import new_key
from website.models.base import Base
from website.oauth2 import authorization, config_oauth
from website.oauth2.server import AuthorizationServer, current_server
from website.settings import Settings
from website.wsgi import Endpoints, OuterLayer

Headers = list[tuple[str, str]]


@dataclass
class Door:
    """The machines' door on an engine of its own, and before it pages that a test brings."""

    server: AuthorizationServer
    errors: list[Exception] = field(default_factory=list)
    pages: Callable[..., Iterable[bytes]] = lambda environ, start_response: [b""]

    def call(
        self, method: str, path: str, fields: dict[str, str] | None = None, **more: Any
    ) -> tuple[str, dict[str, str], bytes]:
        body = urlencode(fields or {}).encode()
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "HTTP_HOST": "127.0.0.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": FORM,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            **more,
        }
        answered: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> None:
            answered.append((status, headers))

        layer = OuterLayer(self.pages, self.server, Endpoints(self.server, self.errors.append))
        chunks = b"".join(layer(environ, start_response))
        status, headers = answered[-1]
        return status, dict(headers), chunks


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    engine = create_engine(f"sqlite:///{tmp_path}/db.sqlite")
    prepare_engine(engine, "NORMAL")
    settings = Settings(key_encryption_key=new_key(), insecure_transport=True, access_log=False)
    server = config_oauth(settings, engine)
    Base.metadata.create_all(engine)
    server.keys.create_missing()
    yield Door(server)
    engine.dispose()


def create_client(server: AuthorizationServer) -> dict[str, str]:
    """Create a client; return the environ's header by which it authenticates."""
    metadata = {
        "client_name": "c",
        "grant_types": ["client_credentials"],
        "scope": "profile",
        "token_endpoint_auth_method": "client_secret_basic",
    }
    client, secret = server.clients.create(metadata, None)
    return {"HTTP_AUTHORIZATION": basic(client.client_id, secret or "")}


def test_the_machines_door_needs_no_flask_application(door: Door) -> None:
    credentials = create_client(door.server)
    status, _headers, body = door.call("POST", TOKEN, {"grant_type": "client_credentials"}, **credentials)
    assert status == "200 OK"
    token = {"token": json.loads(body)["access_token"]}
    assert json.loads(door.call("POST", INTROSPECT, token, **credentials)[2])["active"] is True
    assert door.call("POST", REVOKE, token, **credentials)[0] == "200 OK"
    assert json.loads(door.call("POST", INTROSPECT, token, **credentials)[2]) == {"active": False}
    assert door.call("GET", "/oauth/jwks")[0] == "200 OK"
    assert door.call("GET", "/.well-known/oauth-authorization-server")[0] == "200 OK"


def test_every_other_address_is_the_pages(door: Door) -> None:
    def pages(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert authorization.settings is door.server.settings
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    door.pages = pages
    for path in ("/", "/oauth/token/", "/oauth", "/OAUTH/TOKEN", ""):
        assert door.call("GET", path)[2] == (path or "/").encode()
    assert current_server.get(None) is None


def test_every_answer_has_a_request_id_of_its_own(door: Door) -> None:
    door.pages = lambda environ, start_response: [str(start_response("200 OK", [])).encode()]
    seen = [door.call("GET", path)[1]["X-Request-Id"] for path in ("/", "/oauth/jwks", TOKEN, "/" + "x" * 3000) * 5]
    assert len(set(seen)) == len(seen)


def test_a_request_id_that_a_client_sends_is_not_taken_over(door: Door) -> None:
    assert door.call("GET", "/oauth/jwks", HTTP_X_REQUEST_ID="mine")[1]["X-Request-Id"] != "mine"


def test_whatever_fails_in_the_pages_is_answered_without_a_word_about_it(door: Door) -> None:
    def fail(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("secret detail")

    door.pages = fail
    status, headers, body = door.call("GET", "/")
    assert (status, json.loads(body)["error"]) == ("500 Internal Server Error", "server_error")
    assert headers["X-Request-Id"]
    assert b"secret detail" not in body


def test_whatever_fails_behind_the_machines_door_is_signalled_and_answered_without_a_word_about_it(door: Door) -> None:
    def fail(request: object) -> Any:
        raise RuntimeError("secret detail")

    door.server.registry.add_address("/oauth/broken", "broken", {"GET": fail})
    status, headers, body = door.call("GET", "/oauth/broken")
    assert status.startswith("500")
    assert json.loads(body)["error"] == "server_error"
    assert b"secret detail" not in body
    assert headers["Cache-Control"] == "no-store"
    assert [str(error) for error in door.errors] == ["secret detail"]


def test_no_answer_is_given_to_the_wrong_request(door: Door) -> None:
    clients = [create_client(door.server) for _ in range(8)]

    def ask(number: int) -> bool:
        credentials = clients[number % 8]
        text = door.call("POST", TOKEN, {"grant_type": "client_credentials"}, **credentials)[2]
        token = {"token": json.loads(text)["access_token"]}
        mine = json.loads(door.call("POST", INTROSPECT, token, **credentials)[2])
        other = json.loads(door.call("POST", INTROSPECT, token, **clients[(number + 1) % 8])[2])
        return bool(mine["active"]) and other == {"active": False}

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))
