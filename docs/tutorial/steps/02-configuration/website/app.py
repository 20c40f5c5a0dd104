"""The application factory: configuration, database, URLs, commands."""

from pathlib import Path

from flask import Flask

from .routes import bp

DEFAULTS = {
    "GREETING": "Hello, World!",
}


def create_app(config=None):
    """Create the application. `config` is a dict or the path of a .py file."""
    app = Flask(__name__)
    app.config.from_mapping(DEFAULTS)
    if isinstance(config, dict):
        app.config.from_mapping(config)
    elif config:
        app.config.from_pyfile(Path(config).resolve())
    setup_app(app)
    return app


def setup_app(app):
    app.register_blueprint(bp)
