"""``embed``: mounts the provider in a Flask application that has its own users, login and database.

The provider remains a separate application under a path, with its own pages, cookie and error handling. The host keeps
its login; the provider asks it who is logged in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click
from flask import Flask, current_app, request
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.local import LocalProxy

from .app import configure, engine_options, make_flask, setup_app
from .cli import COMMANDS
from .cli.shown_errors import shown_in_commands
from .clients.owners import end_clients_of
from .configuration import Configuration
from .configuration.loading import HOST, gather
from .database import DatabaseUnavailableError
from .database.ending_all_access import delete_subject, end_everything, subject_of_user
from .database.sqlite_files import is_in_memory
from .logs import get_logger, set_up_own_logging
from .oauth2.server import AuthorizationServer
from .request_context import Environ
from .resources import InvalidResourceError, Resource, Resources, ResourceScope
from .routes.browser.next_page import safe_next
from .routes.current.host_application import EXTENSION, Host
from .routes.current.login_session import log_out
from .scopes import USERNAME_ALONE
from .settings import SettingsError, by_name
from .users import Account, HostFacts, HostLogin, Users
from .users.host_users import in_context_of
from .users.users_protocol import UsersWithClaims
from .wsgi import Mount

__all__ = [
    "Account",
    "Embedding",
    "HostLogin",
    "InvalidResourceError",
    "Resource",
    "ResourceScope",
    "Users",
    "UsersWithClaims",
    "current_provider",
    "embed",
    "safe_next",
]

COMMAND_GROUP = "grantwright"
#: The key of the provider in the host's extensions.
PROVIDER = "grantwright_embedding"
#: Flask's own settings for development.
DEVELOPMENT = ("DEBUG", "TESTING")
_PREFIX = re.compile(r"(/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+\Z")
log = get_logger("grantwright.embedding")


class Embedding:
    """A provider mounted in a host application, with the methods for the host to call."""

    def __init__(self, pages: Flask, server: AuthorizationServer) -> None:
        #: The provider's own Flask application.
        self.pages = pages
        self.server = server

    @property
    def resources(self) -> Resources:
        """The registered APIs, for an application that registers them itself."""
        return self.server.resources

    def log_out(self) -> None:
        """End the provider's login session in this browser. Call it in the host's logout view.

        It never fails: if the login session can't be ended now, it ends at the next page, with the host's login.
        """
        with self.pages.request_context(request.environ):
            try:
                log_out()
                self.server.send_notices()
            except DatabaseUnavailableError as error:
                log.warning("could not end the login session now", reason=error.reason)

    def sign_out_everywhere(self, user_id: str) -> None:
        """End all login sessions and tokens of a user, for example after a password change."""
        with self.server.database.writing() as session:
            self._end(session, user_id, "session_ended", {"everywhere": True})
        self.server.send_notices()

    def forget(self, user_id: str) -> None:
        """Delete all stored data about a user whose account was deleted. Their subject is never reused.

        The user's clients are disabled and no longer have an owner.
        """
        with self.server.database.writing() as session:
            subject = self._end(session, user_id, "user_deleted", {"user": user_id})
            if subject is not None:
                end_clients_of(session, self.server.audit, subject, "owner_deleted")
                session.flush()
            delete_subject(session, subject)
        self.server.cache_invalidation.forget_recorded(session)
        self.server.send_notices()

    def _end(self, session: Session, user_id: str, event: str, detail: dict[str, Any]) -> str | None:
        subject = subject_of_user(session, user_id)
        if subject is not None:
            end_everything(session, subject)
            self.server.audit.add(session, event, subject=subject, detail=detail)
        return subject


def _find_provider() -> Embedding:
    provider = current_app.extensions.get(PROVIDER)
    if not isinstance(provider, Embedding):
        raise RuntimeError(f"No provider is embedded in {current_app.name}: call embed() for this application first.")
    return provider


#: The provider embedded in the current application, for a host's views if the host uses an application factory.
current_provider: Embedding = LocalProxy(_find_provider)  # type: ignore[assignment]


@shown_in_commands()
def embed(
    app: Flask,
    url_prefix: str,
    *,
    users: Users,
    find_login: Callable[[], HostLogin | None],
    login_view: str,
    end_login: Callable[[], object] | None = None,
    acr_values: Sequence[str] = (),
    database: Any = None,
    may_create_clients: Callable[[Account], bool] | None = None,
) -> Embedding:
    """Mount the provider in ``app`` under ``url_prefix``; its commands become ``flask grantwright ...``.

    ``users`` looks up the host's users and is called in an application context of the host. If it also has a method
    ``claims``, clients get the claims that their scope allows, otherwise only the username. ``find_login`` is called in
    a request context of the host and returns who is logged in. ``login_view`` is the endpoint of the host's login page,
    which must redirect to the URL in ``next``. ``end_login`` logs the browser out of the host; it is called in a
    request context of the host when a client logs a person out (OpenID Connect RP-Initiated Logout 1.0), which clients
    can't do without it. ``acr_values`` are the authentication context classes that ``find_login`` may return.
    ``database`` is the host's Flask-SQLAlchemy object or engine: the provider uses the same database with its own
    connections. By default it uses SQLALCHEMY_DATABASE_URI. ``may_create_clients`` is called in a request context of
    the host with one of its users and returns whether they may create clients on the provider's pages; by default
    nobody may.

    Settings are read, under their usual names, from the file named by ``WEBSITE_CONF``, from ``app.config`` and from
    the environment; later ones win. Raises ``SettingsError``.
    """
    if not _PREFIX.match(url_prefix):
        raise SettingsError(f"url_prefix: {url_prefix!r} must be a plain path without a trailing slash, such as /sso.")
    # The pages have the host's name unless a setting changes it, and the consent page only lists data that the host
    # shares.
    usual: dict[str, Any] = {"OAUTH2_DISPLAY_NAME": app.name}
    if not isinstance(users, UsersWithClaims):
        usual["OAUTH2_SCOPES"] = USERNAME_ALONE
    configuration = configure([(HOST, usual), *gather(None, os.environ), (HOST, _own_settings(app, database))])
    issuer = configuration.settings.issuer
    if issuer and not issuer.endswith(url_prefix):
        raise SettingsError(f"OAUTH2_ISSUER: must end in {url_prefix}, where the provider is mounted.")
    set_up_own_logging(configuration.settings.log_level)
    pages = _make_pages(configuration)
    facts = HostFacts(end_login is not None, tuple(acr_values))
    pages.extensions[EXTENSION] = Host(
        app,
        url_prefix,
        find_login,
        login_view,
        may_create_clients or (lambda _account: False),
        end_login,
        facts.acr_values,
    )
    # Connect to the database as the host does, but with a pool of our own.
    theirs = app.config.get("SQLALCHEMY_ENGINE_OPTIONS") or {}
    size = {name: theirs[name] for name in ("pool_size", "max_overflow") if name in theirs}
    options = {**theirs, **engine_options(configuration.settings), **size}
    options.pop("pool", None)
    pages.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    server = setup_app(pages, configuration.settings, in_context_of(app.app_context, users), facts)
    host_has = partial(_has_route, app)
    app.wsgi_app = Mount(app.wsgi_app, pages.wsgi_app, server, url_prefix, host_has)  # type: ignore[method-assign]
    app.cli.add_command(_command_group(pages))
    embedding = app.extensions[PROVIDER] = Embedding(pages, server)
    return embedding


def _has_route(app: Flask, environ: Environ) -> bool:
    """Tell whether the host has its own route for a GET of a request's URL."""
    return app.url_map.bind_to_environ(environ).test(method="GET")


def _own_settings(app: Flask, database: Any) -> dict[str, Any]:
    """Return the host's settings that also apply to the provider."""
    own = {name: app.config[name] for name in (*by_name(), *DEVELOPMENT) if app.config.get(name) is not None}
    own.update({name: value for name, value in app.config.items() if name.startswith("OAUTH2_")})
    own.setdefault("OAUTH2_INSTANCE_PATH", app.instance_path)
    if database is not None:
        with app.app_context():
            url = (database if isinstance(database, Engine) else database.engine).url
        if is_in_memory(url):
            raise SettingsError("database: an in-memory database can't be shared; use a file or a server.")
        own["SQLALCHEMY_DATABASE_URI"] = url.render_as_string(hide_password=False)
    return own


def _make_pages(configuration: Configuration) -> Flask:
    pages = make_flask(configuration)
    # A derived key: the host signs its own cookie with SECRET_KEY, and neither must be accepted as the other.
    key = configuration.settings.secret_key.encode()
    pages.config["SECRET_KEY"] = hmac.new(key, b"grantwright, embedded", hashlib.sha256).hexdigest()
    return pages


def _command_group(pages: Flask) -> click.Group:
    @click.group(COMMAND_GROUP, help="The OAuth 2.0 provider in this application.")
    @click.pass_context
    def group(context: click.Context) -> None:
        context.with_resource(pages.app_context())

    for command in COMMANDS:
        group.add_command(command)
    return group
