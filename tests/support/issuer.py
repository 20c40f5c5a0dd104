"""An authorization server of another make: it publishes keys, introspects, is slow, and goes away."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey, Key

from tests.support.waiting import ANSWER_SECONDS, POLL_SECONDS

RESOURCE = "https://api.example/notes"


class Issuer:
    """What it does next is in its attributes; what it was asked is in ``asked``."""

    def __init__(self) -> None:
        self.keys: list[Key] = [ECKey.generate_key("P-256", auto_kid=True)]
        self.key_set: Any = None
        #: What introspection answers, by token.
        self.tokens: dict[str, dict[str, Any]] = {}
        self.status = 200
        self.metadata: dict[str, Any] = {}
        #: Tokens whose introspection doesn't end before this is set.
        self.slow: set[str] = set()
        self.release = threading.Event()
        self.asked: list[str] = []
        self.url = ""

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token with these changes; those that are None are left out."""
        now = int(time.time())
        good = {
            "iss": self.url, "aud": [RESOURCE], "sub": "user-1", "client_id": "client-1", "iat": now, "exp": now + 60,
            "jti": "1", "scope": "notes.read",
        }  # fmt: skip
        return {name: value for name, value in (good | changes).items() if value is not None}

    def sign(self, header: dict[str, Any] | None = None, key: Key | None = None, **changes: Any) -> str:
        """Return a JWT access token with these changes."""
        signing = key or self.keys[0]
        whole = {"alg": "ES256", "typ": "at+jwt", "kid": signing.kid} | (header or {})
        whole = {name: value for name, value in whole.items() if value is not None}
        return jwt.encode(whole, self.claims(**changes), signing, algorithms=[whole["alg"]], default_type=None)

    def seal(self, token: str, **changes: Any) -> str:
        """Make introspection call a token active, with these changes."""
        self.tokens[token] = self.claims(**{"active": True, "token_type": "Bearer"} | changes)
        return token

    def answer(self, path: str, fields: dict[str, list[str]], authorization: str) -> tuple[int, Any]:
        """Answer one request."""
        self.asked.append(path)
        if path == "/.well-known/oauth-authorization-server":
            endpoints = {"jwks_uri": f"{self.url}/jwks", "introspection_endpoint": f"{self.url}/introspect"}
            return self.status, {"issuer": self.url} | endpoints | self.metadata
        if path == "/jwks":
            published = {"keys": [key.as_dict(private=False) for key in self.keys]}
            return self.status, published if self.key_set is None else self.key_set
        token = fields["token"][0]
        if token in self.slow:
            self.release.wait(ANSWER_SECONDS)
        if not authorization.startswith("Basic "):
            return 401, {"error": "invalid_client"}
        return self.status, self.tokens.get(token, {"active": False})


@contextmanager
def open_issuer() -> Iterator[Issuer]:
    """Serve an issuer on a free port."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fields = parse_qs(body.decode())
            status, answer = issuer.answer(self.path, fields, self.headers.get("Authorization", ""))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST: Callable[[BaseHTTPRequestHandler], None] = do_GET

        def log_message(self, *arguments: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield issuer
    finally:
        issuer.release.set()
        server.shutdown()
        server.server_close()
