"""Photo Printer: a web application that people log in to with our provider."""

import os
import secrets

from authlib.integrations.flask_client import OAuth, OAuthError
from flask import Flask, redirect, session, url_for
from joserfc.errors import JoseError

app = Flask(__name__)
app.config.update(SECRET_KEY=secrets.token_hex(), SESSION_COOKIE_NAME="printer_session")
provider = OAuth(app).register(
    "provider",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=f"{os.environ['ISSUER']}/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile", "code_challenge_method": "S256"},
)


@app.get("/")
def home():
    return f"Hello, {session['user']['name']}!\n" if "user" in session else '<a href="/login">Log in</a>\n'


@app.get("/login")
def log_in():
    return provider.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    try:
        token = provider.authorize_access_token()
        claims = provider.userinfo(token=token)
    except (OAuthError, JoseError) as error:
        return f"Not logged in: {error}\n", 400
    session.clear()
    # The name may change, and may be another person's at another provider. The issuer and the subject are the account.
    identity = token["userinfo"]["iss"], token["userinfo"]["sub"]
    session["user"] = {"id": identity, "name": claims["preferred_username"]}
    return redirect(url_for("home"))
