"""The stock stack as one WSGI application: Flask, Authlib's Flask integration, Flask-SQLAlchemy, SQLite.

Every query and every commit is the one that Authlib's own SQLAlchemy helpers make, or the plain ORM line that
its documentation suggests where there is no helper. SQLite runs with WAL and synchronous=NORMAL.

    python stock.py            make the tables, one user and one client
    gunicorn stock:app         serve

The environment names the database (STOCK_DATABASE_URI) and the client (STOCK_CLIENT_ID, STOCK_CLIENT_SECRET,
STOCK_REDIRECT_URI).
"""

import os
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_bearer_token_validator,
    create_query_client_func,
    create_query_token_func,
    create_revocation_endpoint,
    create_save_token_func,
)
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, jsonify, redirect, request, session
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

SCOPE = "profile"

app = Flask(__name__)
app.config.update(
    SECRET_KEY="only-for-a-loopback-measurement",
    SQLALCHEMY_DATABASE_URI=os.environ.get("STOCK_DATABASE_URI", "sqlite://"),
    OAUTH2_REFRESH_TOKEN_GENERATOR=True,
)
db = SQLAlchemy(app)


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(40), unique=True)

    def get_user_id(self):
        return self.id


class Client(db.Model, OAuth2ClientMixin):
    id = db.Column(db.Integer, primary_key=True)


class Code(db.Model, OAuth2AuthorizationCodeMixin):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id"))


class Token(db.Model, OAuth2TokenMixin):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id"))
    user = db.relationship("User")


class CodeGrant(grants.AuthorizationCodeGrant):
    def save_authorization_code(self, code, request):
        data = request.payload.data
        db.session.add(
            Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                user_id=request.user.id,
                code_challenge=data.get("code_challenge"),
                code_challenge_method=data.get("code_challenge_method"),
            )
        )
        db.session.commit()

    def query_authorization_code(self, code, client):
        found = Code.query.filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code):
        db.session.delete(authorization_code)
        db.session.commit()

    def authenticate_user(self, authorization_code):
        return db.session.get(User, authorization_code.user_id)


class RefreshGrant(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        found = Token.query.filter_by(refresh_token=refresh_token).first()
        return found if found and not found.is_revoked() else None

    def authenticate_user(self, refresh_token):
        return db.session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        now = int(time.time())
        refresh_token.access_token_revoked_at = now
        refresh_token.refresh_token_revoked_at = now
        db.session.commit()


class Introspection(IntrospectionEndpoint):
    find_token = staticmethod(create_query_token_func(db.session, Token))

    def query_token(self, token_string, token_type_hint):
        return self.find_token(token_string, token_type_hint)

    def check_permission(self, token, client, request):
        return token.check_client(client)

    def introspect_token(self, token):
        return {
            "active": True,
            "client_id": token.client_id,
            "token_type": token.token_type,
            "scope": token.get_scope(),
            "sub": str(token.user_id or token.client_id),
            "iat": token.issued_at,
            "exp": token.issued_at + token.expires_in,
        }


authorization = AuthorizationServer(
    app, create_query_client_func(db.session, Client), create_save_token_func(db.session, Token)
)
authorization.register_grant(CodeGrant, [CodeChallenge(required=True)])
authorization.register_grant(RefreshGrant)
authorization.register_grant(grants.ClientCredentialsGrant)
authorization.register_endpoint(create_revocation_endpoint(db.session, Token))
authorization.register_endpoint(Introspection)
require_oauth = ResourceProtector()
require_oauth.register_token_validator(create_bearer_token_validator(db.session, Token)())


@app.get("/healthz")
def healthz():
    return "ok"


@app.post("/login")
def login():
    session["user_id"] = User.query.filter_by(username=request.form["username"]).one().id
    return redirect("/healthz")


@app.post("/oauth/authorize")
def authorize():
    user = db.session.get(User, session["user_id"])
    try:
        grant = authorization.get_consent_grant(end_user=user)
    except OAuth2Error as error:
        return jsonify(dict(error.get_body())), 400
    allowed = user if request.form.get("confirm") == "yes" else None
    return authorization.create_authorization_response(grant_user=allowed, grant=grant)


@app.post("/oauth/token")
def issue_token():
    return authorization.create_token_response()


@app.post("/oauth/introspect")
def introspect_token():
    return authorization.create_endpoint_response("introspection")


@app.post("/oauth/revoke")
def revoke_token():
    return authorization.create_endpoint_response("revocation")


@app.get("/api/me")
@require_oauth(SCOPE)
def api_me():
    return jsonify(id=current_token.user.id, username=current_token.user.username)


with app.app_context():

    @event.listens_for(db.engine, "connect")
    def set_pragmas(connection, _record):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")


def seed():
    """Make the tables, the user `bench` and the client that the environment names."""
    client = Client(
        client_id=os.environ["STOCK_CLIENT_ID"],
        client_secret=os.environ["STOCK_CLIENT_SECRET"],
        client_id_issued_at=int(time.time()),
    )
    client.set_client_metadata(
        {
            "client_name": "bench",
            "redirect_uris": [os.environ["STOCK_REDIRECT_URI"]],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types": ["code"],
            "scope": SCOPE,
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    with app.app_context():
        db.create_all()
        db.session.add_all([User(username="bench"), client])
        db.session.commit()


if __name__ == "__main__":
    seed()
