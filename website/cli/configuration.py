"""``flask check-config`` and ``flask show-config``: validating and printing the configuration.

An invalid configuration never gets here: the application doesn't start, and the command prints each problem.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from jinja2 import TemplateSyntaxError

from ..configuration import Configuration
from ..configuration.loading import EXTENSION
from ..configuration.report import find_advice, find_risks, list_facts
from ..database.private_files import is_open_to_others
from ..database.sqlite_files import sqlite_file
from ..domains import encoded_form
from ..keys.storage_readiness import find_storage_problem
from ..oauth2.server import AuthorizationServer
from ..routes.current.authorization_server import authorization_server
from ..routes.current.host_application import current_host
from ..settings import OPERATORS
from ..users import LocalUsers
from ..users.outdated_names import find_ambiguous_addresses, find_doubled_names
from .console import as_json, print_json, print_table
from .shown_errors import Command


@click.command("check-config", cls=Command)
@as_json
@with_appcontext
def check_config(is_json: bool) -> None:
    """Check the configuration for its mode, warn about risks and missing parts, and give hints. Changes nothing."""
    server = authorization_server()
    mode = "demo" if server.settings.demo else "production"
    risks = find_risks(server.settings, server.registry.specifications, _configuration().files)
    warnings = [*risks, *_find_open_files(server), *_find_broken_templates(server), *_find_host_problems()]
    warnings += _find_database_problems(server)
    hints = [] if server.accounts.are_external else [*find_advice(server.settings)]
    if is_json:
        print_json({"mode": mode, "fit": True, "warnings": warnings, "hints": hints})
        return
    click.echo(f"The configuration is valid for {'the demo' if server.settings.demo else mode}.")
    for warning in warnings:
        click.echo(f"Warning: {warning}")
    for hint in hints:
        click.echo(f"Hint: {hint}")


@click.command("show-config", cls=Command)
@as_json
@with_appcontext
def show_config(is_json: bool) -> None:
    """Show the value and the source of every setting. Secrets are masked."""
    facts = list_facts(authorization_server().settings, _configuration().sources)
    if is_json:
        print_json([{"name": fact.name, "value": fact.value, "source": fact.source} for fact in facts])
    else:
        # Values come last, as the longest one sets the width of its column.
        print_table(("NAME", "SOURCE", "VALUE"), [(fact.name, fact.source, _in_words(fact.value)) for fact in facts])


def _configuration() -> Configuration:
    """Return the configuration; without sources if ``create_app`` didn't create the application."""
    unknown = Configuration(authorization_server().settings, current_app.config, {})
    configuration: Configuration = current_app.extensions.get(EXTENSION, unknown)
    return configuration


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _find_open_files(server: AuthorizationServer) -> Iterator[str]:
    """Yield a warning if others can read the instance folder or the SQLite file."""
    if server.settings.demo:
        return
    folder, file = Path(current_app.instance_path), sqlite_file(server.database.engine.url)
    if is_open_to_others(folder):
        yield f"{folder}: other users can read the instance folder: chmod 700."
    if file is not None and is_open_to_others(file):
        yield f"{file}: other users can read the database: chmod 600."


def _find_broken_templates(server: AuthorizationServer) -> Iterator[str]:
    """Yield a warning for each malformed template of the operator's look: its page couldn't be shown."""
    folder = Path(server.settings.look, "templates")
    for file in sorted(folder.rglob("*.html")) if server.settings.look else ():
        try:
            current_app.jinja_env.get_template(file.relative_to(folder).as_posix())
        except TemplateSyntaxError as error:
            yield f"{file}, line {error.lineno}: {error.message}"


def _find_host_problems() -> Iterator[str]:
    """Yield a warning if the embedding application names a login page that doesn't exist."""
    host = current_host()
    if host is not None and host.login_view not in host.app.view_functions:
        yield f"login_view: the application has no view {host.login_view}, so nobody can log in."


def _find_database_problems(server: AuthorizationServer) -> Iterator[str]:
    """Yield a warning if the database can't be used as it is."""
    file = sqlite_file(server.database.engine.url)
    if file is not None and not file.exists():
        yield f"{file}: there is no database yet. Run flask initdb, as the server's own user."  # connecting creates it
        return
    try:
        problem = find_storage_problem(server.database, server.keys)
        if problem:
            yield problem  # whatever else is asked of the tables fails for this reason
        else:
            yield from _find_missing_operator(server)
            yield from _find_outdated_names(server)
            rp_id_problem = server.accounts.passkeys.find_rp_id_problem(server.settings)
            if rp_id_problem:
                yield rp_id_problem
            for identifier, api_problem in server.resources.find_problems():
                yield f"The API {identifier} doesn't fit the settings: {api_problem}"
    except Exception as error:
        yield f"The database can't be used ({type(error).__name__})."


def _find_missing_operator(server: AuthorizationServer) -> Iterator[str]:
    """Yield a warning if there are accounts but none may create clients, as after an upgrade."""
    settings = server.settings
    if settings.demo or settings.client_creation not in ("", OPERATORS) or not isinstance(server.users, LocalUsers):
        return
    if server.users.has_any() and not server.users.has_operator():
        yield "No account is an operator, so nobody can create clients on the pages: flask users set NAME --operator."


def _find_outdated_names(server: AuthorizationServer) -> Iterator[str]:
    """Yield a warning for each account that applications may take for another one, or to which no email is sent."""
    if not isinstance(server.users, LocalUsers):
        return
    for username, other in find_doubled_names(server.database):
        command = f"flask users set {username} --preferred-username NAME"
        yield f"Applications may take {username} for {other}, whose name is its preferred username: {command}."
    for username, email in find_ambiguous_addresses(server.database):
        local, at, domain = email.rpartition("@")
        better = local + at + encoded_form(domain)
        yield f"{email} of {username} gets no email, as servers read its domain in two ways: is it {better}?"
