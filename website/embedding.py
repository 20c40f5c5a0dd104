"""Owns ``embed``: the provider inside a Flask application that has users, a login and a database of its own.

The provider stays an application of its own, with its pages, its cookie and its error handling, and is mounted under a
path. The host keeps its login; the provider asks it who is logged in.
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
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session
from werkzeug.local import LocalProxy

from .app import configure, engine_options, make_flask, setup_app
from .cli import COMMANDS
from .cli.shown_errors import shown_in_commands
from .clients.owners import end_clients_of
from .configuration import Configuration
from .configuration.loading import HOST, gather
from .database import DatabaseUnavailableError
from .database.cascades import end_everything, subject_of_user
from .database.sqlite_files import is_in_memory
from .logs import get_logger, set_up_own_logging
from .models.subject import Subject
from .oauth2.server import AuthorizationServer
from .request_context import Environ
from .routes.host_application import EXTENSION, Host
from .routes.login_session import log_out
from .routes.next_page import safe_next
from .scopes import USERNAME_ALONE
from .settings import SettingsError, by_name
from .users import Account, HostFacts, HostLogin, Users
from .users.host_users import in_context_of
from .users.protocols import UsersWithClaims
from .wsgi import Mount

__all__ = [
    "Account",
    "Embedding",
    "HostLogin",
    "Users",
    "UsersWithClaims",
    "current_provider",
    "embed",
    "safe_next",
]

COMMAND_GROUP = "grantwright"
#: Under this name the host keeps the provider, among its extensions.
PROVIDER = "grantwright_embedding"
#: Of Flask's own settings, those that tell that an application is being developed.
DEVELOPMENT = ("DEBUG", "TESTING")
_PREFIX = re.compile(r"(/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+\Z")
log = get_logger("grantwright.embedding")


class Embedding:
    """A provider that is mounted in a host, and what the host tells it."""

    def __init__(self, pages: Flask, server: AuthorizationServer) -> None:
        #: The provider's own Flask application.
        self.pages = pages
        self.server = server

    def log_out(self) -> None:
        """End the provider's login of this browser. Call it in the host's view that logs out.

        It never fails: a login that could not be ended follows the host's at the next page.
        """
        with self.pages.request_context(request.environ):
            try:
                log_out()
                self.server.send_notices()
            except DatabaseUnavailableError as error:
                log.warning("the login could not be ended now", reason=error.reason)

    def sign_out_everywhere(self, user_id: str) -> None:
        """End every login and token of a user: their password changed, say, or their account was disabled."""
        with self.server.database.writing() as session:
            self._end(session, user_id, "session_ended", {"everywhere": True})
        self.server.send_notices()

    def forget(self, user_id: str) -> None:
        """Delete all that is kept about a user, for an account that was deleted. Its subject is never given again.

        Clients that the user created end: they are disabled, and have no owner from then on.
        """
        with self.server.database.writing() as session:
            subject = self._end(session, user_id, "user_deleted", {"user": user_id})
            if subject is not None:
                end_clients_of(session, self.server.audit, subject, "owner_deleted")
                session.flush()
            session.execute(delete(Subject).where(Subject.subject == subject))
        self.server.cache_invalidation.forget()
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


#: The provider that is embedded in the current application: for views of a host that an application factory makes.
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
    """Mount the provider in ``app``, below ``url_prefix``; its commands become ``flask grantwright ...``.

    ``users`` answers for the host's users, and is asked within an application context of the host; where it has a
    method ``claims`` too, clients hear of them what their scope allows, and else the username alone. ``find_login`` is
    called in a request context of the host and returns who is logged in there. ``login_view`` is the endpoint of the
    host's login page, which must go on to the address that it gets as ``next``. ``end_login`` logs the browser out of
    the host, and is called in a request context of the host when a client logs a person out (OpenID Connect
    RP-Initiated Logout 1.0); without it no client can. ``acr_values`` are the classes of proof that ``find_login`` may
    name. ``database`` is the host's Flask-SQLAlchemy object or engine: the provider uses its database, over connections
    of its own. Without it SQLALCHEMY_DATABASE_URI says which.
    ``may_create_clients`` is called in a request context of the host with one of its users, and returns whether they
    may create clients on the provider's pages; nobody may without it.

    Settings are read from the file that ``WEBSITE_CONF`` names, from ``app.config``, under the names that they have
    everywhere, and from the environment; later wins. Raises ``SettingsError``.
    """
    if not _PREFIX.match(url_prefix):
        raise SettingsError(f"url_prefix: {url_prefix!r} is no plain path, such as /sso, without a slash at its end.")
    # The pages are part of the application around them: they bear its name, unless a setting says otherwise, and
    # promise no more of its users than it tells.
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
    # How the host reaches its database holds for us too; how connections are kept is ours.
    ours = engine_options(configuration.settings.database_uri)
    pages.config["SQLALCHEMY_ENGINE_OPTIONS"] = {**(app.config.get("SQLALCHEMY_ENGINE_OPTIONS") or {}), **ours}
    server = setup_app(pages, configuration.settings, in_context_of(app.app_context, users), facts)
    host_has = partial(_has_route, app)
    app.wsgi_app = Mount(app.wsgi_app, pages.wsgi_app, server, url_prefix, host_has)  # type: ignore[method-assign]
    app.cli.add_command(_command_group(pages))
    embedding = app.extensions[PROVIDER] = Embedding(pages, server)
    return embedding


def _has_route(app: Flask, environ: Environ) -> bool:
    """Tell whether an application has a route of its own for a GET of a request's address."""
    return app.url_map.bind_to_environ(environ).test(method="GET")


def _own_settings(app: Flask, database: Any) -> dict[str, Any]:
    """Return those of the host's settings that are ours too."""
    own = {name: app.config[name] for name in (*by_name(), *DEVELOPMENT) if app.config.get(name) is not None}
    own.update({name: value for name, value in app.config.items() if name.startswith("OAUTH2_")})
    own.setdefault("OAUTH2_INSTANCE_PATH", app.instance_path)
    if database is not None:
        with app.app_context():
            url = (database if isinstance(database, Engine) else database.engine).url
        if is_in_memory(url):
            raise SettingsError("database: one in memory cannot be shared; name a file or a server.")
        own["SQLALCHEMY_DATABASE_URI"] = url.render_as_string(hide_password=False)
    return own


def _make_pages(configuration: Configuration) -> Flask:
    pages = make_flask(configuration)
    # Derived: the host signs its own cookie with this key, and neither cookie may pass for the other.
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
