"""``create_app``: loads the settings, then sets up each layer from the bottom up.

``embedding.py`` embeds the same application in an existing one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast
from wsgiref.types import WSGIApplication

from flask import Flask, got_request_exception

from .cli import register_commands
from .cli.run_port import check_run_port, is_flask_run
from .cli.shown_errors import shown_in_commands
from .configuration import Configuration
from .configuration.demo_secrets import fill_in
from .configuration.loading import EXTENSION, Layers, gather, read_configuration
from .configuration.production import SESSION_COOKIE
from .database import prepare_engine
from .database.connection_pool import ConnectionPool
from .database.postgresql_connections import watch_connections
from .database.sqlite_files import make_instance_folder
from .logs import set_up_logging
from .models import db
from .oauth2 import config_oauth
from .oauth2.server import AuthorizationServer
from .oauth2.specs import SPECS, spec_name
from .routes import register_routes
from .routes.browser.security_headers import headers_of_redirect
from .routes.login.browser_cookies import CookieBrowser
from .settings import Settings
from .users import HostFacts, Users
from .wsgi import AuthorizationRedirects, Endpoints, OuterLayer, drain_before_stopping, is_granian_worker

Config = Mapping[str, Any] | str | os.PathLike[str] | None


@shown_in_commands()
def create_app(config: Config = None) -> Flask:
    """Create the application.

    ``config`` is a mapping of settings, or the path of a Python file with settings. It overrides the file named by
    ``WEBSITE_CONF``, and the environment overrides both. Raises ``SettingsError`` with all problems.
    """
    check_run_port()
    configuration = configure(gather(config, os.environ))
    set_up_logging(configuration.settings.log_level)
    app = make_flask(configuration)
    server = setup_app(app, configuration.settings)
    if is_flask_run() or is_granian_worker():
        server.accounts.passkeys.check_rp_id(configuration.settings)
        server.accounts.end_access_without_required_factor()
        drain_before_stopping(cast(OuterLayer, app.wsgi_app).draining, configuration.settings.drain_seconds)
    return app


def configure(layers: Layers) -> Configuration:
    """Read the settings from layers and environment. Raises ``SettingsError`` with all problems."""
    return fill_in(read_configuration(layers, os.environ, [spec_name(module) for module in SPECS]))


def make_flask(configuration: Configuration) -> Flask:
    """Create the Flask application, configured but without routes."""
    settings = configuration.settings
    app = Flask(__name__, instance_path=str(Path(settings.instance_path).absolute()))
    app.config.update(configuration.values)
    app.config.update(_flask_config(settings))
    app.extensions[EXTENSION] = configuration
    app.url_map.merge_slashes = False  # a redirect to a corrected URL would trust the Host header
    return app


def _flask_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration of Flask and its extensions."""
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_uri,
        "MAX_CONTENT_LENGTH": settings.max_body_bytes,
        "MAX_FORM_MEMORY_SIZE": settings.max_body_bytes,
        "MAX_FORM_PARTS": settings.max_form_fields,
        **SESSION_COOKIE,
        # Not "session": cookies ignore ports, so other applications on 127.0.0.1 would overwrite it.
        **({"SESSION_COOKIE_NAME": "grantwright", "SESSION_COOKIE_SECURE": False} if settings.demo else {}),
        "WTF_CSRF_TIME_LIMIT": None,
    }


def setup_app(
    app: Flask, settings: Settings, users: Users | None = None, host: HostFacts | None = None
) -> AuthorizationServer:
    """Set up the layers: database, protocol, pages, commands, and the outer layer around them.

    ``users`` are an embedding application's users, and ``host`` its other abilities; without them, our own accounts
    are used.
    """
    options = app.config.get("SQLALCHEMY_ENGINE_OPTIONS") or engine_options(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {**options, "poolclass": ConnectionPool}
    make_instance_folder(settings.database_uri, app.instance_path)
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    prepare_engine(engine, settings.sqlite_synchronous_mode)
    watch_connections(engine)
    server = app.extensions["grantwright"] = config_oauth(settings, engine, users, host)
    _name_addresses(app, server)
    register_routes(app, settings, is_embedded=users is not None)
    register_commands(app)
    endpoints = Endpoints(server, partial(_signal_error, app))
    own_paths = partial(_list_paths, app)
    pages: WSGIApplication = app.wsgi_app
    if users is None:
        pages = AuthorizationRedirects(pages, server, partial(CookieBrowser, app), headers_of_redirect)
    app.wsgi_app = OuterLayer(pages, server, endpoints, own_paths)  # type: ignore[method-assign]
    return server


def _list_paths(app: Flask) -> list[str]:
    """Return the path of every page and protocol endpoint."""
    return [rule.rule for rule in app.url_map.iter_rules()]


def _signal_error(app: Flask, error: Exception) -> None:
    """Signal an exception in a protocol endpoint as Flask does, for tools that collect exceptions."""
    got_request_exception.send(app, exception=error)


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return the engine's options: errors don't contain bound values, and an unreachable database is detected."""
    options: dict[str, Any] = {"hide_parameters": True}
    if settings.database_uri.startswith("postgresql"):
        # Two requests at once are left for what needs no database, even if it never responds to the others.
        options |= {"pool_size": max(1, settings.concurrent_requests - 2), "max_overflow": 0}
        # Detect an unreachable database within five seconds, and connections dropped by a firewall.
        options["connect_args"] = {
            "connect_timeout": 3, "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3,
        }  # fmt: skip
    return options


def _name_addresses(app: Flask, server: AuthorizationServer) -> None:
    """Register the protocol endpoints for ``url_for`` and ``flask routes``. Flask never serves them."""
    for address in server.registry.addresses.values():
        if address.handlers:
            app.add_url_rule(address.path, endpoint=address.name, methods=[*address.methods], build_only=True)
