"""``flask users remove-old-passkeys``: after a change of the domain that passkeys are bound to."""

from __future__ import annotations

import click

from ..routes.current.authorization_server import authorization_server
from ..users.relying_party import rp_id_of
from .console import local_users
from .user_group import users


@users.command("remove-old-passkeys")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def remove_old_passkeys(yes: bool) -> None:
    """Remove the passkeys that are bound to a domain other than OAUTH2_PASSKEY_RP_ID.

    They can't be used there. Their owners log in in another way, and add new ones.
    """
    local_users()
    server = authorization_server()
    rp_id = rp_id_of(server.settings)
    if not rp_id:
        raise click.ClickException("Passkeys are off, or can't work at this issuer: none was removed.")
    if not yes:
        click.confirm(f"Remove every passkey that is not for {rp_id}?", abort=True)
    click.echo(f"Passkeys removed: {server.accounts.passkeys.remove_of_other_rp_ids(rp_id)}")
