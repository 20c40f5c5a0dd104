"""The command group ``flask users``, which other modules add their commands to."""

from __future__ import annotations

import click

from ..models.user import User
from .console import local_users
from .shown_errors import Group

users = Group("users", help="Manage the accounts.")


def find_user(username: str) -> User:
    """Return the row of a username. Raises ``ClickException`` if there is none."""
    row = local_users().find_row(username)
    if row is None:
        raise click.ClickException(f"There is no user named {username!r}.")
    return row
