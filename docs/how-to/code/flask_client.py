"""A Flask application whose users log in with their account at the provider."""

from __future__ import annotations

import os

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for
from markupsafe import escape

ISSUER = os.environ["ISSUER"]
REDIRECT_URI = os.environ["REDIRECT_URI"]

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
# Use a distinct name: cookies ignore ports, and every application on 127.0.0.1 uses "session".
app.config["SESSION_COOKIE_NAME"] = "notes"
provider = OAuth(app).register(
    "provider",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{ISSUER}/.well-known/oauth-authorization-server",
    client_kwargs={"scope": "profile", "code_challenge_method": "S256"},
)


@app.get("/")
def home() -> str:
    if "username" not in session:
        return '<a href="/login">Log in</a>'
    return f"Logged in as {escape(session['username'])}"


@app.get("/login")
def login() -> object:
    return provider.authorize_redirect(REDIRECT_URI)


@app.get("/callback")
def callback() -> object:
    try:
        token = provider.authorize_access_token()
    except OAuthError as error:
        return f"You are not logged in: {escape(error.error)}", 400
    person = provider.get(f"{ISSUER}/api/me", token=token).json()
    # Store only the name: anyone who has the cookie can read its contents, so don't put tokens there.
    session.clear()
    session["username"] = person["username"]
    return redirect(url_for("home"))
