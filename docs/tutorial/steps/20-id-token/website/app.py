"""The application factory: configuration, database, URLs, commands."""

import logging
import secrets
from pathlib import Path

import click
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import generate_password_hash

from .keys import create_key
from .models import User, db
from .oauth2 import config_oauth, end_all_grants, query_client
from .routes import bp, oauth

DEFAULTS = {
    "SQLALCHEMY_DATABASE_URI": "sqlite:///db.sqlite",
    "SESSION_COOKIE_NAME": "provider_session",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "MAX_CONTENT_LENGTH": 64 * 1024,
    "OAUTH2_SCOPES_SUPPORTED": ["openid", "profile"],
    "OAUTH2_TOKEN_EXPIRES_IN": dict.fromkeys(
        ["authorization_code", "refresh_token", "client_credentials", "password", "implicit"], 600
    ),
    "OAUTH2_REFRESH_TOKEN_GENERATOR": True,
    "KEY_FILE": "key.json",
    "DEMO": True,
    "PROXIES": 0,
}


def create_app(config=None):
    """Create the application. `config` is a dict or the path of a .py file."""
    app = Flask(__name__)
    app.config.from_mapping(DEFAULTS)
    # A new random key at every start. Nobody can know it, and a restart logs everyone out.
    app.config["SECRET_KEY"] = secrets.token_hex()
    if isinstance(config, dict):
        app.config.from_mapping(config)
    elif config:
        app.config.from_pyfile(Path(config).resolve())
    setup_app(app)
    return app


def setup_app(app):
    db.init_app(app)
    config_oauth(app)
    app.register_blueprint(bp)
    app.register_blueprint(oauth)
    # At DEBUG level, Authlib logs complete tokens.
    logging.getLogger("authlib").setLevel(logging.INFO)
    if app.config["PROXIES"]:
        count = app.config["PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)

    @app.cli.command("initdb")
    def initdb():
        """Create any missing tables, and the key."""
        db.create_all()
        create_key()
        click.echo("The database is ready.")

    @app.cli.command("adduser")
    @click.argument("username")
    @click.password_option()
    def adduser(username, password):
        """Create a user with a password, or change a user's password."""
        user = User.find(username) or User(username=username)
        user.password_hash = generate_password_hash(password)
        db.session.add(user)
        db.session.flush()
        # Anyone who knew the old password loses access: sessions, tokens and codes end.
        user.session_epoch += 1
        end_all_grants(user)
        db.session.commit()
        click.echo(f"{username} can log in.")

    @app.cli.command("allow-introspection")
    @click.argument("client_id")
    def allow_introspection(client_id):
        """Let a client ask about the tokens of all clients. It's for APIs."""
        client = query_client(client_id)
        if client is None:
            raise click.ClickException("There is no such client.")
        client.may_introspect = True
        db.session.commit()
        click.echo(f"{client.client_name} may introspect.")
