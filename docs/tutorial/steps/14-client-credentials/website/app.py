"""The application factory: configuration, database, URLs, commands."""

import logging
import secrets
from pathlib import Path

import click
from flask import Flask

from .models import db
from .oauth2 import config_oauth
from .routes import bp, oauth

DEFAULTS = {
    "SQLALCHEMY_DATABASE_URI": "sqlite:///db.sqlite",
    "SESSION_COOKIE_NAME": "provider_session",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "MAX_CONTENT_LENGTH": 64 * 1024,
    "OAUTH2_SCOPES_SUPPORTED": ["profile"],
    "OAUTH2_TOKEN_EXPIRES_IN": {"authorization_code": 600, "refresh_token": 600, "client_credentials": 600},
    "OAUTH2_REFRESH_TOKEN_GENERATOR": True,
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

    @app.cli.command("initdb")
    def initdb():
        """Create any missing tables."""
        db.create_all()
        click.echo("The database is ready.")
