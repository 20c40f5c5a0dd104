"""The protocol: the grants, what they store, and the check of tokens at the API."""

import secrets
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import errors, grants
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import OpenIDCode
from flask import abort, current_app, jsonify, request, session
from sqlalchemy import select, update
from werkzeug.local import LocalProxy
from werkzeug.security import check_password_hash, generate_password_hash

from .keys import load_key
from .models import AUTH_METHODS, OAuth2AuthorizationCode, OAuth2Client, OAuth2Token, User, db, hash_secret

WITH_SECRET = ["client_secret_basic", "client_secret_post"]
CODE_SECONDS = 60
REFRESH_SECONDS = 30 * 24 * 3600
# Passwords for unknown names are checked against this hash: a quicker answer would show that there's no such user.
NOBODY = generate_password_hash(secrets.token_hex())

# Each application has its own server; this name refers to the current application's.
authorization = LocalProxy(lambda: current_app.extensions["oauth2_server"])


def query_client(client_id):
    return db.session.scalar(select(OAuth2Client).filter_by(client_id=client_id))


def save_token(token, request):
    """Store a token that is about to be issued: its hash, and everything needed to answer questions about it."""
    now = int(time.time())
    former = request.authorization_code or request.refresh_token
    row = OAuth2Token(
        access_token_hash=hash_secret(token["access_token"]),
        client_id=request.client.client_id,
        user_id=request.user.id if request.user else None,
        scope=token["scope"],
        issued_at=now,
        expires_at=now + token["expires_in"],
        grant_id=former.grant_id if former else secrets.token_urlsafe(),
    )
    if "refresh_token" in token:
        row.refresh_token_hash = hash_secret(token["refresh_token"])
        # The expiry is set once, so that rotating a refresh token doesn't keep it alive forever.
        row.refresh_expires_at = getattr(former, "refresh_expires_at", now + REFRESH_SECONDS)
    db.session.add(row)
    db.session.commit()


def end_grant(grant_id):
    """Revoke every token that came from one consent."""
    db.session.execute(update(OAuth2Token).filter_by(grant_id=grant_id).values(revoked_at=int(time.time())))
    db.session.commit()


def end_all_grants(user):
    """Revoke everything a user has allowed: tokens, and codes that haven't been redeemed."""
    now = int(time.time())
    db.session.execute(update(OAuth2Token).filter_by(user_id=user.id, revoked_at=None).values(revoked_at=now))
    db.session.execute(update(OAuth2AuthorizationCode).filter_by(user_id=user.id, used_at=None).values(used_at=now))


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
                nonce=request.payload.data.get("nonce"),
                auth_time=session["auth_time"],
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


class S256CodeChallenge(CodeChallenge):
    """PKCE with S256 for every client, checked before the user is asked."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant, redirect_uri):
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise errors.InvalidRequestError("PKCE is required: send a code_challenge, and code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)


class IDToken(OpenIDCode):
    """An ID token beside the access token, if the scope has `openid`. Authlib adds the other claims."""

    def exists_nonce(self, nonce, request):
        return False  # The client checks that it sent this nonce; to us it's any text.

    def resolve_client_private_key(self, client):
        return load_key()

    def get_encode_header(self, client):
        return {"alg": "RS256", "kid": load_key().kid}

    def get_client_claims(self, client):
        return {"iss": issuer(), "aud": client.client_id}

    def generate_user_info(self, user, scope):
        return {"sub": str(user.id)}


def issuer():
    """Return the name of this provider, which is its address."""
    return request.url_root.rstrip("/")


class RefreshTokenGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        table = OAuth2Token
        return use_once(
            table,
            table.refresh_used_at,
            table.refresh_token_hash == hash_secret(refresh_token),
            table.client_id == self.request.client.client_id,
            valid=table.revoked_at.is_(None) & (table.refresh_expires_at > int(time.time())),
        )

    def authenticate_user(self, refresh_token):
        return refresh_token.user

    def revoke_old_credential(self, refresh_token):
        """Do nothing: the refresh token is used up, and its access token expires in minutes."""


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = WITH_SECRET


class PasswordGrant(grants.ResourceOwnerPasswordCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = WITH_SECRET

    def authenticate_user(self, username, password):
        user = check_login(username, password)
        if user is None:
            raise errors.InvalidGrantError("Wrong username or password.")
        return user

    def generate_token(self, **values):
        # By default, Authlib issues a refresh token even to clients that may not use one.
        return super().generate_token(include_refresh_token=self.client.check_grant_type("refresh_token"), **values)


def check_login(username, password):
    """Return the user with this name and password. In the demo every password is `valid`."""
    user = User.find(username)
    if current_app.config["DEMO"]:
        return user if password == "valid" else None
    password_hash = user.password_hash if user and user.password_hash else NOBODY
    return user if check_password_hash(password_hash, password) else None


class TokenRevocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = AUTH_METHODS

    def check_params(self, request, client):
        if "token" not in request.form:
            raise errors.InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string, token_type_hint):
        # The hint may be wrong, so look for both kinds.
        value = hash_secret(token_string)
        found = (OAuth2Token.access_token_hash == value) | (OAuth2Token.refresh_token_hash == value)
        return db.session.scalar(select(OAuth2Token).where(found))

    def revoke_token(self, token, request):
        end_grant(token.grant_id)


class TokenIntrospection(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS = WITH_SECRET
    check_params = TokenRevocation.check_params

    def query_token(self, token_string, token_type_hint):
        return db.session.scalar(select(OAuth2Token).filter_by(access_token_hash=hash_secret(token_string)))

    def check_permission(self, token, client, request):
        return client.may_introspect or token.check_client(client)

    def introspect_token(self, token):
        about_user = {"sub": str(token.user.id), "username": token.user.username} if token.user else {}
        return {
            "active": True,
            "token_type": "Bearer",
            "client_id": token.client_id,
            "scope": token.scope,
            "iat": token.issued_at,
            "exp": token.expires_at,
            **about_user,
        }


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


def check_parameters():
    """Reject ambiguous parameters, and input that Authlib doesn't expect."""
    for _name, values in request.values.lists():
        if len(values) > 1:
            raise errors.InvalidRequestError("A parameter was sent more than once.")
        if "\0" in values[0]:
            raise errors.InvalidRequestError("A parameter contains a NUL character.")
    # These are quoted in error messages, where RFC 6749 allows only these characters.
    for name in ("client_id", "response_type", "redirect_uri"):
        value = request.values.get(name, "")
        if not (value.isascii() and value.isprintable()) or '"' in value or "\\" in value:
            raise errors.InvalidRequestError(f"The {name} contains a character that isn't allowed.")


def check_token_request():
    """Reject parameters outside the body, and a client that authenticates in two ways."""
    check_parameters()
    if request.args:
        raise errors.InvalidRequestError("Send the parameters in the body only.")
    try:
        by_header = extract_basic_authorization(request.headers)[0] is not None
    except ValueError:
        raise errors.InvalidClientError("The Authorization header is invalid.", status_code=401) from None
    if by_header and "client_secret" in request.form:
        raise errors.InvalidRequestError("The client authenticates in two ways. Use one.")


def answer_error(error):
    return authorization.handle_error_response(request, error)


def config_oauth(app):
    server = AuthorizationServer(app, query_client, save_token)
    server.register_grant(AuthorizationCodeGrant, [S256CodeChallenge(required=True), IDToken()])
    server.register_grant(RefreshTokenGrant)
    server.register_grant(ClientCredentialsGrant)
    server.register_grant(PasswordGrant)
    server.register_grant(grants.ImplicitGrant)
    server.register_endpoint(TokenRevocation)
    server.register_endpoint(TokenIntrospection)
    app.extensions["oauth2_server"] = server
