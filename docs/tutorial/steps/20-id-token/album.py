"""Photo Album, the server of a phone app: it logs people in with ID tokens that were issued to this app."""

import json
import os
import secrets
from urllib.request import urlopen

from flask import Flask, request, session
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from id_tokens import read_id_token

PROVIDER, CLIENT_ID = os.environ["PROVIDER"], os.environ["CLIENT_ID"]

app = Flask(__name__)
app.secret_key = secrets.token_hex()
app.config["SESSION_COOKIE_NAME"] = "album_session"


def fetch_keys():
    with urlopen(f"{PROVIDER}/oauth/jwks", timeout=5) as answer:
        return KeySet.import_key_set(json.load(answer))


@app.post("/nonce")
def create_nonce():
    """Return a random value that the ID token has to contain. It's valid for this session and for one login."""
    session["nonce"] = secrets.token_urlsafe()
    return session["nonce"]


@app.post("/login")
def log_in():
    sent = {"nonce": session.pop("nonce", ""), "access_token": request.form.get("access_token", "")}
    try:
        id_token = request.form.get("id_token", "")
        claims = read_id_token(id_token, fetch_keys(), issuer=PROVIDER, client_id=CLIENT_ID, **sent)
    except (JoseError, ValueError) as error:
        return f"Not logged in: {error}\n", 401
    session["user"] = claims["sub"]
    return f"Hello, user {claims['sub']}!\n"
