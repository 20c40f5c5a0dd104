"""A command-line program whose users log in with Grantwright in their browser: login, whoami, logout."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import queue
import secrets
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5000")
CLIENT_ID = os.environ.get("CLIENT_ID", "")
TOKEN_FILE = Path(os.environ.get("TOKEN_FILE", Path.home() / ".local/state/grantwright-example/refresh_token"))
LOGIN_SECONDS = float(os.environ.get("LOGIN_SECONDS", "300"))


def log_in() -> None:
    metadata, state, verifier = discover(), secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with callback_server(state) as (redirect_uri, answers):
        query = {
            "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": redirect_uri, "scope": "profile",
            "state": state, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        address = f"{metadata['authorization_endpoint']}?{urlencode(query)}"
        print(f"Log in with your browser. If it doesn't open, go to\n{address}", flush=True)
        webbrowser.open(address)
        try:
            answer = answers.get(timeout=LOGIN_SECONDS)
        except queue.Empty:
            sys.exit("The browser didn't come back in time.")
    if "code" not in answer:
        sys.exit(f"The login failed: {answer.get('error')}.")
    with token_file() as file:
        fetch_tokens(metadata, file, grant_type="authorization_code", code=answer["code"],
                     redirect_uri=redirect_uri, code_verifier=verifier)  # fmt: skip
    print("You are logged in.")


@contextmanager
def callback_server(state: str) -> Iterator[tuple[str, queue.Queue[dict[str, str]]]]:
    """Wait on any free port for the browser to come back, once (RFC 8252, section 7.3)."""
    answers: queue.Queue[dict[str, str]] = queue.Queue()

    class Callback(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path, answer = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            # Any page and any program on this machine can send requests here. Only a response to our own request
            # counts, and only from our server (RFC 9207). We refuse everything else and keep waiting.
            is_ours = secrets.compare_digest(answer.get("state", "").encode(), state.encode())
            is_good = path == "/callback" and is_ours and answer.get("iss") == ISSUER
            text = b"Go back to the terminal. You can close this window." if is_good else b"Unexpected response."
            self.send_response(200 if is_good else 400)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            if is_good:
                answers.put(answer)

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing: the URL contains the code."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Callback) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/callback", answers
        finally:
            server.shutdown()


def show_user() -> None:
    metadata = discover()
    with token_file() as file:
        access_token = fetch_tokens(metadata, file, grant_type="refresh_token", refresh_token=stored_token(file))
    headers = {"Authorization": f"Bearer {access_token}"}
    answer = requests.get(f"{ISSUER}/api/me", headers=headers, timeout=10, allow_redirects=False)
    answer.raise_for_status()
    print(f"You are {answer.json()['username']}.")


def log_out() -> None:
    metadata = discover()
    with token_file() as file:
        send(metadata["revocation_endpoint"], token=stored_token(file)).raise_for_status()
        file.truncate(0)
    print("You are logged out.")


def discover() -> dict[str, Any]:
    answer = requests.get(f"{ISSUER}/.well-known/oauth-authorization-server", timeout=10, allow_redirects=False)
    answer.raise_for_status()
    # The document must be for the issuer we trust (RFC 8414, section 3.3).
    if answer.json().get("issuer") != ISSUER:
        sys.exit("The metadata is for another issuer.")
    return dict(answer.json())


def fetch_tokens(metadata: dict[str, Any], file: IO[str], **fields: str) -> str:
    """Return an access token. Write the refresh token that comes with it to the file: the old one is used up."""
    answer = send(metadata["token_endpoint"], **fields)
    if answer.status_code == 400:
        file.truncate(0)
        sys.exit(f"Grantwright issued no token ({answer.json()['error']}). Log in again.")
    answer.raise_for_status()
    file.seek(0)
    file.truncate()
    file.write(answer.json()["refresh_token"])
    return str(answer.json()["access_token"])


def send(address: str, **fields: str) -> requests.Response:
    return requests.post(address, {"client_id": CLIENT_ID, **fields}, timeout=10, allow_redirects=False)


@contextmanager
def token_file() -> Iterator[IO[str]]:
    """Open the file for this user only, and lock it: two refreshes at once would look like theft."""
    TOKEN_FILE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(TOKEN_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+") as file:
        os.fchmod(file.fileno(), 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def stored_token(file: IO[str]) -> str:
    return file.read() or sys.exit("You are not logged in.")


COMMANDS = {"login": log_in, "whoami": show_user, "logout": log_out}

if __name__ == "__main__":
    if not CLIENT_ID or len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        sys.exit("Set CLIENT_ID and name a command: login, whoami or logout.")
    try:
        COMMANDS[sys.argv[1]]()
    except requests.RequestException as error:
        sys.exit(f"Unexpected response from Grantwright: {error}")
