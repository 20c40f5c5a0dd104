"""``flask users require-factor`` and ``flask users reset-factors``: who needs a second factor, and who lost theirs."""

from __future__ import annotations

import click

from ..routes.current.authorization_server import authorization_server
from .console import TAKES_HYPHENS
from .user_group import find_user, users


@users.command("require-factor", context_settings=TAKES_HYPHENS)
@click.argument("username")
@click.option("--no", "is_removed", is_flag=True, help="No longer require one.")
def require_factor(username: str, is_removed: bool) -> None:
    """Require a second factor for an account, which is set up at its next login if there is none.

    Logins and apps' access granted with a password alone end. A group or the operator role may require one, too:
    OAUTH2_OPERATORS_NEED_SECOND_FACTOR, and flask groups set --require-factor.
    """
    row = find_user(username)
    factors = authorization_server().accounts.second_factors
    changed = factors.set_required(row.id, not is_removed)
    if not is_removed:
        click.echo(f"{row.username} needs a second factor to log in" + ("" if changed else ", as before"))
    elif factors.find(str(row.id)).are_required:
        click.echo(f"{row.username} still needs a second factor: a group or the operator role requires it")
    else:
        click.echo(f"{row.username} doesn't need a second factor" + ("" if changed else ", as before"))


@users.command("reset-factors", context_settings=TAKES_HYPHENS)
@click.argument("username")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def reset_factors(username: str, yes: bool) -> None:
    """Remove all second factors of an account whose person has lost them, end its logins, and revoke its tokens.

    Make sure you know who is asking: after this, the password is enough to log in, or to set up a factor that is
    required.
    """
    row = find_user(username)
    if not yes:
        click.confirm(f"Remove the authenticator app, passkeys and recovery codes of {row.username}?", abort=True)
    authorization_server().accounts.second_factors.reset(row.id)
    click.echo(f"Second factors of {row.username} removed; all login sessions ended, and all tokens were revoked")
