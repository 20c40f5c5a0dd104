"""The application factory: configuration, database, URLs, commands."""

import secrets
from pathlib import Path

import click
from flask import Flask

from .models import db
from .routes import bp

DEFAULTS = {
    "SQLALCHEMY_DATABASE_URI": "sqlite:///db.sqlite",
    "SESSION_COOKIE_NAME": "provider_session",
    "SESSION_COOKIE_SAMESITE": "Lax",
    "MAX_CONTENT_LENGTH": 64 * 1024,
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
    app.register_blueprint(bp)

    @app.cli.command("initdb")
    def initdb():
        """Create any missing tables."""
        db.create_all()
        click.echo("The database is ready.")
