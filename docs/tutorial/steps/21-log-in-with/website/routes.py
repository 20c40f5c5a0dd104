"""The URLs: the pages that people see, and the endpoints that clients call."""

import secrets
import time
from urllib.parse import urlsplit

from authlib.integrations.flask_oauth2 import current_token
from authlib.oauth2 import OAuth2Error
from flask import Blueprint, abort, current_app, jsonify, redirect, render_template, request, session, url_for
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from .keys import load_key
from .models import AUTH_METHODS, OAuth2Client, User, db, hash_secret
from .oauth2 import (
    WITH_SECRET,
    answer_error,
    authorization,
    check_login,
    check_parameters,
    check_token_request,
    issuer,
    require_oauth,
)

bp = Blueprint("website", __name__)
oauth = Blueprint("oauth", __name__)
oauth.before_request(check_token_request)
oauth.register_error_handler(OAuth2Error, answer_error)
GRANT_TYPES = ["authorization_code", "refresh_token", "client_credentials", "password", "implicit"]
RESPONSE_TYPES = {"authorization_code": "code", "implicit": "token"}


def current_user():
    user = db.session.get(User, session["user_id"]) if "user_id" in session else None
    return user if user and user.session_epoch == session.get("session_epoch") else None


@bp.app_template_global()
def csrf_token():
    """Return the value that each of our forms contains and no other site can read."""
    return session.setdefault("csrf_token", secrets.token_urlsafe())


@bp.before_request
def check_csrf():
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        sent = request.form.get("csrf_token", "")
        if not secrets.compare_digest(sent.encode(), csrf_token().encode()):
            abort(400, "This form has expired or came from another site. Go back and reload the page.")


@bp.after_app_request
def set_headers(response):
    # Stop other sites from showing our pages in a frame, under buttons of their own.
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def safe_next():
    """Return where to go after login: a path on this site, or the home page."""
    target = request.args.get("next", "")
    # Browsers treat "//host" and "/\host" as another site, and ignore tabs and line breaks.
    leads_away = not target.startswith("/") or target[1:2] in ("/", "\\") or not target.isprintable()
    return url_for(".home") if leads_away else target


@bp.route("/", methods=["GET", "POST"])
def home():
    if request.method == "POST":
        username = request.form.get("username", "").strip()
        if not (username.isprintable() and 1 <= len(username) <= 40):
            abort(400, "Use a name of 1 to 40 characters.")
        if current_app.config["DEMO"]:
            user = find_or_create_user(username)
        else:
            user = check_login(username, request.form.get("password", "")) or abort(400, "Wrong username or password.")
        session.clear()
        session["user_id"], session["session_epoch"] = user.id, user.session_epoch
        session["auth_time"] = int(time.time())
        return redirect(safe_next(), 303)
    user = current_user()
    clients = db.session.scalars(select(OAuth2Client).filter_by(user_id=user.id)) if user else []
    return render_template("home.html", user=user, clients=clients)


def find_or_create_user(username):
    """Return the user with this name, or create one. This is a demo: anyone can be anyone."""
    try:
        db.session.add(User(username=username))
        db.session.commit()
    except IntegrityError:
        # The user exists, perhaps only since a moment ago.
        db.session.rollback()
    return User.find(username)


@bp.route("/logout", methods=["POST"])
def logout():
    if user := current_user():
        user.session_epoch = User.session_epoch + 1
        db.session.commit()
    session.clear()
    return redirect(url_for(".home"), 303)


def is_redirect_uri(text):
    """Whether codes and tokens may be sent to this URL: https, this machine, or an app's own scheme."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not (text.isascii() and text.isprintable()) or "#" in text or '"' in text or "\\" in text:
        return False
    if parts.scheme == "http":
        return host in ("127.0.0.1", "::1", "localhost")
    return bool(host) if parts.scheme == "https" else "." in parts.scheme


def read_client_form():
    def lines(name):
        # One value per line, or the field repeated.
        return list(dict.fromkeys("\n".join(request.form.getlist(name)).split()))

    return OAuth2Client(
        client_name=request.form.get("client_name", "").strip(),
        client_uri=request.form.get("client_uri", "").strip(),
        scope=" ".join(lines("scope")),
        redirect_uris=lines("redirect_uri"),
        grant_types=lines("grant_type"),
        response_types=lines("response_type"),
        token_endpoint_auth_method=request.form.get("token_endpoint_auth_method"),
    )


def find_problems(client):
    """Yield the problems of a client that someone wants to register."""
    scopes = current_app.config["OAUTH2_SCOPES_SUPPORTED"]
    response_types = {RESPONSE_TYPES[grant] for grant in client.grant_types if grant in RESPONSE_TYPES}
    if not (client.client_name.isprintable() and 1 <= len(client.client_name) <= 80):
        yield "Enter a name of 1 to 80 visible characters."
    if client.client_uri and not client.client_uri.startswith(("https://", "http://")):
        yield "The home page has to start with https:// or http://."
    if not client.scope or not set(client.scope.split()) <= set(scopes):
        yield f"Choose one or more of these scopes: {' '.join(scopes)}."
    if not client.grant_types or not set(client.grant_types) <= set(GRANT_TYPES):
        yield "Choose one or more of the grant types."
    if set(client.response_types) != response_types:
        yield "authorization_code needs the response type code, implicit needs token."
    if response_types and not client.redirect_uris:
        yield "A client with a response type needs a redirect URI."
    if not all(map(is_redirect_uri, client.redirect_uris)):
        yield "A redirect URI must use https, point to this machine, or use an app's scheme: com.example.app:/back"
    if client.token_endpoint_auth_method not in AUTH_METHODS:
        yield "Choose how the client authenticates."
    not_for_it = ["client_credentials", "password"] if client.token_endpoint_auth_method == "none" else ["implicit"]
    if set(not_for_it) & set(client.grant_types):
        yield "client_credentials and password are for clients with a secret, implicit is for clients without one."


@bp.route("/create_client", methods=["GET", "POST"])
def create_client():
    user = current_user()
    if user is None:
        return redirect(url_for(".home", next=url_for(".create_client")))
    problems = []
    if request.method == "POST":
        client = read_client_form()
        problems = list(find_problems(client))
        if not problems:
            client.user_id, client.client_id = user.id, secrets.token_urlsafe(18)
            secret = None if client.token_endpoint_auth_method == "none" else secrets.token_urlsafe(32)
            client.client_secret_hash = secret and hash_secret(secret)
            db.session.add(client)
            db.session.commit()
            return render_template("client.html", user=user, client=client, secret=secret)
    choices = {"grant_types": GRANT_TYPES, "response_types": RESPONSE_TYPES.values(), "auth_methods": AUTH_METHODS}
    page = render_template("create_client.html", user=user, problems=problems, form=request.form, **choices)
    return page, 400 if problems else 200


@bp.route("/oauth/authorize", methods=["GET", "POST"])
def authorize():
    user = current_user()
    if user is None:
        return redirect(url_for(".home", next=request.full_path))
    try:
        check_parameters()
        grant = authorization.get_consent_grant(end_user=user)
    except OAuth2Error as error:
        # Authlib sets redirect_uri only after checking that it belongs to the client.
        if error.redirect_uri:
            return authorization.handle_error_response(request, error)
        return render_template("error.html", user=user, error=error), 400
    if request.method != "POST":
        return render_template("authorize.html", user=user, grant=grant)
    confirmed = request.form.get("confirm") == "yes"
    return authorization.create_authorization_response(grant_user=user if confirmed else None, grant=grant)


@oauth.route("/oauth/token", methods=["POST"])
def issue_token():
    return authorization.create_token_response()


@oauth.route("/oauth/revoke", methods=["POST"])
def revoke_token():
    return authorization.create_endpoint_response("revocation")


@oauth.route("/oauth/introspect", methods=["POST"])
def introspect_token():
    return authorization.create_endpoint_response("introspection")


@bp.route("/oauth/jwks")
def jwks():
    """Return the public key, which clients check ID tokens with."""
    return jsonify(keys=[load_key().as_dict(private=False)])


@oauth.route("/oauth/userinfo", methods=["GET", "POST"])
@require_oauth("openid")
def userinfo():
    """Describe the user as far as the scope allows (OpenID Connect Core, section 5.3)."""
    user = current_token.user or abort(403, "This token belongs to a client, not to a user.")
    claims = {"sub": str(user.id)}
    if "profile" in current_token.scope.split():
        claims["preferred_username"] = user.username
    return jsonify(claims)


@bp.route("/.well-known/openid-configuration")
@bp.route("/.well-known/oauth-authorization-server")
def metadata():
    """Describe this server (RFC 8414, OpenID Connect Discovery), so that clients need only its address."""
    return jsonify(
        issuer=issuer(),
        authorization_endpoint=url_for(".authorize", _external=True),
        token_endpoint=url_for("oauth.issue_token", _external=True),
        revocation_endpoint=url_for("oauth.revoke_token", _external=True),
        introspection_endpoint=url_for("oauth.introspect_token", _external=True),
        jwks_uri=url_for(".jwks", _external=True),
        userinfo_endpoint=url_for("oauth.userinfo", _external=True),
        id_token_signing_alg_values_supported=["RS256"],
        subject_types_supported=["public"],
        claims_supported=["sub", "preferred_username"],
        scopes_supported=current_app.config["OAUTH2_SCOPES_SUPPORTED"],
        response_types_supported=list(RESPONSE_TYPES.values()),
        grant_types_supported=GRANT_TYPES,
        code_challenge_methods_supported=["S256"],
        token_endpoint_auth_methods_supported=AUTH_METHODS,
        revocation_endpoint_auth_methods_supported=AUTH_METHODS,
        introspection_endpoint_auth_methods_supported=WITH_SECRET,
    )


@bp.route("/api/me")
@require_oauth("profile")
def api_me():
    if current_token.user is None:
        return jsonify(error="access_denied", error_description="This token belongs to a client, not to a user."), 403
    return jsonify(id=current_token.user.id, username=current_token.user.username)
