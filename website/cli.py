"""Owns the commands: ``flask initdb``, ``flask keys``, ``flask users``."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import inspect, text

from .keys import SEALING, SIGNING
from .oauth2.server import AuthorizationServer
from .passwords import MAX_PASSWORD_BYTES
from .settings import SettingsError
from .users import LocalUsers, UsernameError

VERSION_TABLE = "oauth2_alembic_version"
#: Clocks of nodes may differ by this much, and a client may cache the JWKS for ten minutes.
ROTATION_MARGIN_SECONDS = 900

keys = AppGroup("keys", help="List and rotate the keys that sign and seal.")
users = AppGroup("users", help="Manage the accounts.")


def register_commands(app: Flask) -> None:
    app.cli.add_command(initdb)
    app.cli.add_command(keys)
    app.cli.add_command(users)


def _server() -> AuthorizationServer:
    server: AuthorizationServer = current_app.extensions["grantwright"]
    return server


@click.command("initdb")
@with_appcontext
def initdb() -> None:
    """Create or update the tables, and create the keys that are missing. Safe to run again."""
    server = _server()
    url = server.database.engine.url.render_as_string(hide_password=True)
    before = _revision(server)
    flask_migrate.upgrade()
    after = _revision(server)
    if before == after:
        click.echo(f"Tables: up to date at revision {after} in {url}")
    else:
        click.echo(f"Tables: {'created' if before is None else f'updated from {before}'}, now at {after} in {url}")
    made = server.keys.create_missing()
    try:
        server.keys.ring  # noqa: B018 - opens every key: better now than at the first request
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"Keys: {made} created" if made else "Keys: all there")


def _revision(server: AuthorizationServer) -> str | None:
    engine = server.database.engine
    if not inspect(engine).has_table(VERSION_TABLE):
        return None
    with engine.connect() as connection:
        revision: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    return revision


@keys.command("list")
def list_keys() -> None:
    """Show every key: what for, in which state, since when."""
    for key in _server().keys.list_all():
        since = _moment(key.activated_at or key.created_at)
        ends = f"  until {_moment(key.expires_at)}" if key.expires_at else ""
        click.echo(f"{key.id:43}  {key.purpose:8}  {key.algorithm:8}  {key.state:8}  {since}{ends}")


@keys.command("rotate")
@click.option("--purpose", type=click.Choice([SIGNING, SEALING]), help="Only this kind of key; both by default.")
def rotate_keys(purpose: str | None) -> None:
    """Put the next keys into use and make new next ones. Tokens already given keep working."""
    server = _server()
    settings = server.settings
    longest_access_token = max(settings.access_token_seconds, *settings.token_expires_in.values(), 0)
    keep = {
        SIGNING: longest_access_token + ROTATION_MARGIN_SECONDS,
        SEALING: max(settings.refresh_token_seconds, longest_access_token) + ROTATION_MARGIN_SECONDS,
    }
    for kind in [purpose] if purpose else [SIGNING, SEALING]:
        key_id = server.keys.rotate(kind, keep[kind])
        click.echo(f"{kind}: {key_id} is in use; the former key stays valid for {keep[kind]} seconds")


@users.command("create")
@click.argument("username")
@click.password_option(help="Asked for when it is not given.")
def create_user(username: str, password: str) -> None:
    """Create an account that logs in with a password."""
    server = _server()
    if not isinstance(server.users, LocalUsers):
        raise click.ClickException("This application brings its own users.")
    if len(password) < 8 or len(password.encode()) > MAX_PASSWORD_BYTES:
        raise click.ClickException(f"A password has at least 8 characters and at most {MAX_PASSWORD_BYTES} bytes.")
    try:
        account = server.users.create(username, password)
    except UsernameError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"User {account.username} created")


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
