"""The tables, and the methods of their rows."""

import hashlib
import secrets
import time

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, ForeignKey, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
# How a client authenticates at the token endpoint; "none" is for apps that can't keep a secret.
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]


def hash_secret(text):
    """Return the hash to store instead of a random secret. Passwords can be guessed and need a slow hash instead."""
    return hashlib.sha256(text.encode()).hexdigest()


class User(db.Model):
    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(40), unique=True)
    password_hash: Mapped[str | None]
    # Every session stores this number too. Raising it here ends all existing sessions.
    session_epoch: Mapped[int] = mapped_column(default=0)

    @classmethod
    def find(cls, username):
        return db.session.scalar(select(cls).filter_by(username=username))


class OAuth2Client(db.Model):
    """An application that may ask for tokens, as registered. Authlib calls the methods."""

    __tablename__ = "oauth2_client"

    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(String(40), unique=True)
    client_secret_hash: Mapped[str | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    client_name: Mapped[str]
    client_uri: Mapped[str]
    scope: Mapped[str]
    redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    grant_types: Mapped[list[str]] = mapped_column(JSON)
    response_types: Mapped[list[str]] = mapped_column(JSON)
    token_endpoint_auth_method: Mapped[str]
    # Whether it's an API, which may ask about the tokens of all clients. Only the operator can say so.
    may_introspect: Mapped[bool] = mapped_column(default=False)

    def get_client_id(self):
        return self.client_id

    def get_default_redirect_uri(self):
        """Return the redirect URI for a request without one. If several are registered, there is no default."""
        return self.redirect_uris[0] if len(self.redirect_uris) == 1 else None

    def check_redirect_uri(self, redirect_uri):
        # Compare the whole string: a URL that merely starts the same way can belong to someone else.
        return redirect_uri in self.redirect_uris

    def get_allowed_scope(self, scope):
        """Return the requested scope, or the client's whole scope if there is none, or None if it asks for too much."""
        wanted = (scope or self.scope).split()
        return " ".join(wanted) if wanted and set(wanted) <= set(self.scope.split()) else None

    def check_client_secret(self, client_secret):
        return secrets.compare_digest(self.client_secret_hash or "", hash_secret(client_secret))

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.token_endpoint_auth_method

    def check_response_type(self, response_type):
        return response_type in self.response_types

    def check_grant_type(self, grant_type):
        return grant_type in self.grant_types


class OAuth2AuthorizationCode(db.Model):
    """The user's consent, waiting for the client to redeem it."""

    __tablename__ = "oauth2_authorization_code"

    id: Mapped[int] = mapped_column(primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    client_id: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    redirect_uri: Mapped[str | None]
    scope: Mapped[str]
    code_challenge: Mapped[str | None]
    code_challenge_method: Mapped[str | None]
    nonce: Mapped[str | None]
    # When the user logged in, in seconds since 1970.
    auth_time: Mapped[int]
    expires_at: Mapped[int]
    used_at: Mapped[int | None]
    grant_id: Mapped[str]

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return self.auth_time

    def get_acr(self):
        """Return how strong the login was. We don't grade logins."""

    get_amr = get_acr


class OAuth2Token(db.Model):
    """One response of the token endpoint: an access token, and perhaps a refresh token."""

    __tablename__ = "oauth2_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    access_token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    refresh_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    client_id: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    scope: Mapped[str]
    issued_at: Mapped[int]
    expires_at: Mapped[int]
    refresh_expires_at: Mapped[int | None]
    refresh_used_at: Mapped[int | None]
    revoked_at: Mapped[int | None]
    # All tokens from one consent share a grant_id and are revoked together.
    grant_id: Mapped[str] = mapped_column(String(40), index=True)
    user: Mapped[User | None] = relationship()

    def get_scope(self):
        return self.scope

    def check_client(self, client):
        return self.client_id == client.client_id

    def is_expired(self):
        return self.expires_at <= time.time()

    def is_revoked(self):
        return self.revoked_at is not None
