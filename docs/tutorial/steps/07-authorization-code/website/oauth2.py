"""The protocol: the grants, what they store, and the check of tokens at the API."""

import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from flask import current_app
from sqlalchemy import select
from werkzeug.local import LocalProxy

from .models import AUTH_METHODS, OAuth2AuthorizationCode, OAuth2Client, OAuth2Token, User, db, hash_secret

CODE_SECONDS = 60

# Each application has its own server; this name refers to the current application's.
authorization = LocalProxy(lambda: current_app.extensions["oauth2_server"])


def query_client(client_id):
    return db.session.scalar(select(OAuth2Client).filter_by(client_id=client_id))


def save_token(token, request):
    """Store a token that is about to be issued: its hash, and everything needed to answer questions about it."""
    now = int(time.time())
    row = OAuth2Token(
        access_token_hash=hash_secret(token["access_token"]),
        client_id=request.client.client_id,
        user_id=request.user.id if request.user else None,
        scope=token["scope"],
        issued_at=now,
        expires_at=now + token["expires_in"],
    )
    db.session.add(row)
    db.session.commit()


class AuthorizationCodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def save_authorization_code(self, code, request):
        db.session.add(
            OAuth2AuthorizationCode(
                code_hash=hash_secret(code),
                client_id=request.client.client_id,
                user_id=request.user.id,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                expires_at=int(time.time()) + CODE_SECONDS,
            )
        )
        db.session.commit()

    def query_authorization_code(self, code, client):
        row = db.session.scalar(
            select(OAuth2AuthorizationCode).filter_by(code_hash=hash_secret(code), client_id=client.client_id)
        )
        return row if row and row.expires_at > time.time() else None

    def delete_authorization_code(self, authorization_code):
        """Do nothing yet: see the chapter on one-time codes."""

    def authenticate_user(self, authorization_code):
        return db.session.get(User, authorization_code.user_id)


def config_oauth(app):
    server = AuthorizationServer(app, query_client, save_token)
    server.register_grant(AuthorizationCodeGrant)
    app.extensions["oauth2_server"] = server
