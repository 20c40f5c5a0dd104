"""A web application whose users log in with Grantwright, using Flask and Authlib's client."""

from __future__ import annotations

import os
import secrets
import time
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from authlib.integrations.flask_client import OAuth, OAuthError
from authlib.oauth2.rfc8414 import get_well_known_url
from flask import Flask, Response, abort, redirect, render_template, request, session
from requests import RequestException

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:5000")
REDIRECT_URI = os.environ.get("REDIRECT_URI", "http://127.0.0.1:5001/callback")
ORIGIN = REDIRECT_URI.removesuffix("/callback")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}
#: Tokens stay on the server, under the random ID in the browser's cookie. A real application stores them in a database.
TOKENS: dict[str, dict[str, Any]] = {}
#: A refresh token works once: two requests using it at the same time would look like theft.
ONE_AT_A_TIME = Lock()

app = Flask(__name__)
app.config.update(
    # The tokens are lost when this process ends, so the cookies may be too: use a new key at each start.
    SECRET_KEY=secrets.token_bytes(32),
    # Cookies ignore ports: with the usual name, another program on this machine would overwrite ours.
    SESSION_COOKIE_NAME="flask_client",
    # Lax, not Strict: the redirect back from Grantwright starts on another site and needs the cookie.
    SESSION_COOKIE_SAMESITE="Lax",
    SESSION_COOKIE_SECURE=ORIGIN.startswith("https://"),
    TRUSTED_HOSTS=[str(urlsplit(ORIGIN).hostname)],
)


def keep_token(token: dict[str, Any], **_former: str) -> None:
    """Store the new access token and the new refresh token."""
    TOKENS[session["login"]] = {**TOKENS[session["login"]], **token}


grantwright = OAuth(app).register(
    "grantwright",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=get_well_known_url(ISSUER, external=True),
    # Authlib generates the state and PKCE verifier, keeps both in the session, and checks the state at the callback.
    client_kwargs={"scope": "profile", "code_challenge_method": "S256", "default_timeout": 10},
    # Authlib refreshes an access token that is about to expire, and passes on the new tokens.
    fetch_token=lambda: TOKENS[session["login"]],
    update_token=keep_token,
)


@app.get("/")
def show_home() -> str:
    with ONE_AT_A_TIME:
        if session.get("login") not in TOKENS:
            return render_template("page.html")
        answer = grantwright.get(f"{ISSUER}/api/me")
        if answer.status_code == 401:
            return forget("Grantwright no longer accepts our token: access was removed.")
        answer.raise_for_status()
        until = time.strftime("%H:%M:%S", time.localtime(TOKENS[session["login"]]["expires_at"]))
        return render_template("page.html", user=answer.json(), until=until)


@app.get("/login")
def log_in() -> Response:
    # The document must be for the issuer we trust (RFC 8414, section 3.3).
    if grantwright.load_server_metadata().get("issuer") != ISSUER:
        abort(502, "The metadata is for another issuer.")
    # Unfinished logins would fill up the cookie, so keep only the latest.
    for name in [name for name in session if name.startswith("_state_")]:
        session.pop(name)
    return grantwright.authorize_redirect(REDIRECT_URI)


@app.get("/callback")
def finish_login() -> Response | tuple[str, int]:
    # Check this first: a response from another server must not pass for one from ours (RFC 9207).
    if request.args.get("iss") != ISSUER:
        abort(400, "This response isn't from Grantwright.")
    try:
        token = grantwright.authorize_access_token()
    except OAuthError as error:
        # Anyone can create a link to this page, so log the error, but don't end the current login.
        app.logger.warning("Login refused: %r", error.error)
        return render_template("page.html", notice="The login failed."), 400
    with ONE_AT_A_TIME:
        forget()
        # Use a new session, so that nobody can have planted this one before the login.
        session["login"] = secrets.token_urlsafe(32)
        TOKENS[session["login"]] = token
    return redirect("/")


@app.post("/refresh")
def refresh() -> Response:
    with ONE_AT_A_TIME:
        if session.get("login") in TOKENS:
            used = TOKENS[session["login"]]["refresh_token"]
            keep_token(grantwright.fetch_access_token(grant_type="refresh_token", refresh_token=used))
    return redirect("/")


@app.post("/logout")
def log_out() -> str:
    with ONE_AT_A_TIME:
        if session.get("login") in TOKENS:
            grantwright.post(
                grantwright.load_server_metadata()["revocation_endpoint"],
                # Revoking the refresh token also revokes its access tokens.
                data={"token": TOKENS[session["login"]]["refresh_token"]},
                auth=(grantwright.client_id, grantwright.client_secret),
                withhold_token=True,
            ).raise_for_status()
        return forget("You're logged out here, but still logged in to Grantwright.")


def forget(notice: str = "") -> str:
    TOKENS.pop(session.get("login", ""), None)
    session.clear()
    return render_template("page.html", notice=notice)


@app.errorhandler(OAuthError)
def show_end(_error: OAuthError) -> tuple[str, int]:
    return forget("Grantwright issued no new token: access was removed or has expired."), 403


@app.errorhandler(RequestException)
def show_outage(_error: RequestException) -> tuple[str, int]:
    return render_template("page.html", notice="Grantwright isn't responding. Try again in a moment."), 503


@app.before_request
def take_forms_from_own_pages_only() -> None:
    if request.method == "POST" and request.headers.get("Origin") != ORIGIN:
        abort(403)


@app.after_request
def add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
