"""The group ``flask users``, to which the files of its commands add them."""

from __future__ import annotations

import click

from ..models.user import User
from .console import local_users
from .shown_errors import Group

users = Group("users", help="Manage the accounts.")


def find_user(username: str) -> User:
    """Return the row of a user name. Raises ``ClickException`` where there is none."""
    row = local_users().find_row(username)
    if row is None:
        raise click.ClickException(f"There is no user named {username!r}.")
    return row
