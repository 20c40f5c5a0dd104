"""What ends with a new role, and what goes on logging a person in, printed: somebody else may have left it there."""

from __future__ import annotations

from collections.abc import Collection

import click

from ..routes.current.authorization_server import authorization_server
from ..users.account_managers import MANAGING_ROLES
from ..users.login_methods import find_ways_in
from .console import moment, print_table
from .user_group import find_user


def tell_ended_access(roles: Collection[str]) -> None:
    """Say that what accounts had before has ended, if these roles manage other people's accounts."""
    if any(role in MANAGING_ROLES for role in roles):
        click.echo("Logins, and access of apps and devices, from before the role have ended")


def tell_ways_in(username: str) -> None:
    """Print how a person can still log in, with dates, if it's more than a password that they set themselves."""
    user = find_user(username)
    ways = find_ways_in(authorization_server().database, user)
    if not ways.are_more_than_a_password:
        return
    click.echo(f"{user.username} can still log in with the following. Ask whether each is theirs:")
    rows: list[tuple[str, str, str | None]] = [("password", "", None)] if ways.has_password else []
    rows += [("verified email", ways.email, None)] if ways.email is not None else []
    rows += [("authenticator app", "", moment(ways.app_added_at))] if ways.app_added_at is not None else []
    rows += [("passkey", name, moment(added_at)) for name, added_at in ways.passkeys]
    if ways.link_made_at is not None:
        rows.append(("last link", f"by {ways.link_made_by}", moment(ways.link_made_at)))
    print_table(("WAY", "WHICH", "MADE"), rows)
    click.echo(
        "`flask users reset-factors` removes app and passkeys, `reset-link` makes a link for a new password, and"
    )
    click.echo("`set --email ''` removes the address")
