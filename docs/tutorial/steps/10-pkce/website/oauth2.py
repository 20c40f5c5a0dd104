"""The protocol: the grants, what they store, and the check of tokens at the API."""

import secrets
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import errors, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import abort, current_app, jsonify
from sqlalchemy import select, update
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
    code = request.authorization_code
    row = OAuth2Token(
        access_token_hash=hash_secret(token["access_token"]),
        client_id=request.client.client_id,
        user_id=request.user.id if request.user else None,
        scope=token["scope"],
        issued_at=now,
        expires_at=now + token["expires_in"],
        grant_id=code.grant_id if code else secrets.token_urlsafe(),
    )
    db.session.add(row)
    db.session.commit()


def end_grant(grant_id):
    """Revoke every token that came from one consent."""
    db.session.execute(update(OAuth2Token).filter_by(grant_id=grant_id).values(revoked_at=int(time.time())))
    db.session.commit()


def use_once(table, used_at, *conditions, valid):
    """Mark a row as used and return it, in one statement, so that only one of many simultaneous attempts succeeds.

    None means missing, invalid or already used. If it was already used, someone else has a copy: its grant ends.
    """
    now = int(time.time())
    claim = update(table).where(*conditions, valid, used_at.is_(None)).values({used_at: now}).returning(table)
    row = db.session.scalar(claim)
    if row is None:
        used = db.session.scalar(select(table).where(*conditions, used_at.is_not(None)))
        if used:
            end_grant(used.grant_id)
    return row


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
                code_challenge=request.payload.data.get("code_challenge"),
                code_challenge_method=request.payload.data.get("code_challenge_method"),
                expires_at=int(time.time()) + CODE_SECONDS,
                grant_id=secrets.token_urlsafe(),
            )
        )
        db.session.commit()

    def query_authorization_code(self, code, client):
        table = OAuth2AuthorizationCode
        return use_once(
            table,
            table.used_at,
            table.code_hash == hash_secret(code),
            table.client_id == client.client_id,
            valid=table.expires_at > int(time.time()),
        )

    def delete_authorization_code(self, authorization_code):
        """Keep the row, marked as used, so that a second use can be told from a made-up code."""

    def authenticate_user(self, authorization_code):
        return db.session.get(User, authorization_code.user_id)


class TokenValidator(BearerTokenValidator):
    def authenticate_token(self, token_string):
        return db.session.scalar(select(OAuth2Token).filter_by(access_token_hash=hash_secret(token_string)))


class Protector(ResourceProtector):
    def raise_error_response(self, error):
        """Respond with the challenge of RFC 6750, section 3, which names an error only if a token was sent."""
        nothing_sent = isinstance(error, (errors.MissingAuthorizationError, errors.UnsupportedTokenTypeError))
        response = jsonify(dict(error.get_body()))
        response.status_code = error.status_code
        response.headers["WWW-Authenticate"] = "Bearer" if nothing_sent else f'Bearer error="{error.error}"'
        abort(response)


require_oauth = Protector()
require_oauth.register_token_validator(TokenValidator())


def config_oauth(app):
    server = AuthorizationServer(app, query_client, save_token)
    server.register_grant(AuthorizationCodeGrant, [CodeChallenge(required=True)])
    app.extensions["oauth2_server"] = server
