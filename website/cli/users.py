"""Owns ``flask users``: the accounts of our own table."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from ..passwords import MAX_PASSWORD_BYTES
from ..users import UsernameError
from .console import local_users

users = AppGroup("users", help="Manage the accounts.")


@users.command("create")
@click.argument("username")
@click.password_option(help="Asked for when it is not given.")
def create_user(username: str, password: str) -> None:
    """Create an account that logs in with a password."""
    if len(password) < 8 or len(password.encode()) > MAX_PASSWORD_BYTES:
        raise click.ClickException(f"A password has at least 8 characters and at most {MAX_PASSWORD_BYTES} bytes.")
    try:
        account = local_users().create(username, password)
    except UsernameError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"User {account.username} created")
