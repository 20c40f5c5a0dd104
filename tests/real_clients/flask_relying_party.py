"""A typical web application with OpenID Connect login, using Flask and Authlib's client.

Tokens stay on its server. Authlib finds the provider by its metadata, draws state, nonce and PKCE verifier, judges the
ID token, and refreshes an access token that has expired.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from flask import Flask, Response, redirect, session, url_for
from markupsafe import escape
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.support.token_requests import MachineClient
from tests.support.waiting import POLL_SECONDS

PAGE = """<!doctype html><title>Notes</title>
{}<form method=post action=/later><button>An hour later</button></form>
<form method=post action=/logout><button>Log out</button></form>"""


@dataclass
class RelyingParty:
    """The running application, and the tokens that it keeps: by the random id in each browser's cookie."""

    url: str = ""
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def redirect_uri(self) -> str:
        return f"{self.url}/callback"

    def keep(self, token: dict[str, Any], **_former: str) -> None:
        """Take what a login or a refresh brought."""
        self.tokens[session["login"]] = {**self.tokens.get(session["login"], {}), **token}


def create_relying_party(party: RelyingParty, issuer: str, client: MachineClient) -> Flask:
    """Return the application, for one client of the provider."""
    app = Flask("relying_party")
    app.secret_key = secrets.token_bytes(32)
    # Cookies ignore ports: on one host each application needs a name of its own.
    app.config["SESSION_COOKIE_NAME"] = "relying_party"
    provider: FlaskOAuth2App = OAuth(app).register(
        "provider",
        client_id=client.client_id,
        client_secret=client.secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
        fetch_token=lambda: party.tokens[session["login"]],
        update_token=party.keep,
    )

    @app.get("/")
    def show_home() -> str | Response:
        if session.get("login") not in party.tokens:
            return redirect(url_for("log_in"))
        person = provider.userinfo()
        facts = {**person, "subject": party.tokens[session["login"]]["userinfo"]["sub"]}
        return PAGE.format("".join(f"<p id={name}>{escape(value)}</p>" for name, value in facts.items()))

    @app.get("/login")
    def log_in() -> Response:
        return provider.authorize_redirect(party.redirect_uri)

    @app.get("/callback")
    def finish_login() -> Response:
        # Also verifies the ID token: its signature by the JWKS, issuer, audience, times, nonce.
        token = provider.authorize_access_token()
        session.clear()
        session["login"] = secrets.token_urlsafe(32)
        party.keep(token)
        return redirect("/")

    @app.post("/later")
    def let_it_expire() -> Response:
        party.keep({"expires_at": 1})
        return redirect("/")

    @app.post("/logout")
    def log_out() -> Response:
        token = party.tokens.pop(session["login"])
        session.clear()
        provider.post(
            provider.load_server_metadata()["revocation_endpoint"],
            data={"token": token["refresh_token"]},
            auth=(client.client_id, client.secret),
            withhold_token=True,
        ).raise_for_status()
        leaving = {"id_token_hint": token["id_token"], "post_logout_redirect_uri": f"{party.url}/goodbye"}
        return redirect(f"{provider.load_server_metadata()['end_session_endpoint']}?{urlencode(leaving)}")

    @app.get("/goodbye")
    def say_goodbye() -> str:
        return "<!doctype html><title>Notes</title><p id=notice>You are logged out.</p>"

    return app


class _SilentHandler(WSGIRequestHandler):
    def log_request(self, *_arguments: Any) -> None:
        """Say nothing: the test's own log is read for what must not be in it, and a callback has a code."""


@contextmanager
def serve(party: RelyingParty, app: Flask, port: int) -> Iterator[None]:
    """Serve the application in a thread."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_SilentHandler)
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
