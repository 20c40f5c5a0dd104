"""A program on the user's own machine: logs in with the browser and gets the response on a loopback port (RFC 8252)."""

from __future__ import annotations

import os
import secrets
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.integrations.requests_client import OAuth2Session

ISSUER, CLIENT_ID = os.environ["ISSUER"], os.environ["CLIENT_ID"]


class Callback(BaseHTTPRequestHandler):
    """Handles the request in which the browser delivers the response."""

    server: Any

    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/callback":
            self.send_error(404)
            return
        self.server.answer = self.path
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"Go back to the program. You can close this window.")

    def log_message(self, *arguments: object) -> None:
        """Print nothing: the line would contain the code."""


server: Any = HTTPServer(("127.0.0.1", 0), Callback)  # 0: any free port
server.answer = None
redirect_uri = f"http://127.0.0.1:{server.server_port}/callback"
client = OAuth2Session(
    CLIENT_ID,
    scope="profile",
    redirect_uri=redirect_uri,
    token_endpoint_auth_method="none",
    code_challenge_method="S256",
)
verifier = secrets.token_urlsafe(32)
address, state = client.create_authorization_url(f"{ISSUER}/oauth/authorize", code_verifier=verifier)
print(f"Log in at {address}")
webbrowser.open(address)
while server.answer is None:
    server.handle_request()

parameters = dict(parse_qsl(urlsplit(server.answer).query))
if parameters.get("state") != state or parameters.get("iss") != ISSUER:
    raise SystemExit("This response doesn't belong to a login that started here.")
if "error" in parameters:
    raise SystemExit(f"You are not logged in: {parameters['error']}")
client.fetch_token(f"{ISSUER}/oauth/token", code=parameters["code"], code_verifier=verifier)
print("Logged in as", client.get(f"{ISSUER}/api/me").json()["username"])
