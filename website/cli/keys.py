"""Owns ``flask keys``: looking at the keys that sign, seal and decrypt, and rotating them."""

from __future__ import annotations

import click

from ..models.key import DECRYPTING, SEALING, SIGNING
from ..routes.authorization_server import authorization_server
from ..settings import SettingsError
from .console import as_json, moment, print_json, print_table
from .shown_errors import Group

#: Clocks of nodes may differ by this much, and a client may cache the JWKS for ten minutes.
ROTATION_MARGIN_SECONDS = 900
#: Clients that encrypt for us may hold an older JWKS, and an object at an address of theirs may be a day old.
DECRYPTION_SECONDS = 86400

PURPOSES = [SIGNING, SEALING, DECRYPTING]
keys = Group("keys", help="List, rotate and replace the keys that sign, seal and decrypt.")
purpose_option = click.option(
    "--purpose", type=click.Choice(PURPOSES), help="Only this kind of key; by default each kind."
)


@keys.command("list")
@as_json
def list_keys(is_json: bool) -> None:
    """Show every key: what for, in which state, since when."""
    headings = ("id", "purpose", "algorithm", "state", "since", "until")
    rows = [
        (key.id, key.purpose, key.algorithm, key.state, moment(key.activated_at or key.created_at),
         moment(key.expires_at))
        for key in authorization_server().keys.list_all()
    ]  # fmt: skip
    if is_json:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_table([heading.upper() for heading in headings], rows)


@keys.command("rotate")
@purpose_option
def rotate_keys(purpose: str | None) -> None:
    """Put the next keys into use and make new next ones. Tokens already given keep working.

    The keys of an algorithm that is not in OAUTH2_SIGNING_ALGORITHMS any more are retired.
    """
    server = authorization_server()
    settings = server.settings
    longest_access_token = max(settings.access_token_seconds, *settings.token_expires_in.values(), 0)
    keep = {
        SIGNING: longest_access_token + ROTATION_MARGIN_SECONDS,
        SEALING: max(settings.refresh_token_seconds, longest_access_token) + ROTATION_MARGIN_SECONDS,
        DECRYPTING: DECRYPTION_SECONDS,
    }
    for kind in [purpose] if purpose else PURPOSES:
        rotation = server.keys.rotate(kind, keep[kind])
        for algorithm, key_id in rotation.used.items():
            click.echo(f"{kind} {algorithm}: {key_id} is in use; the former key stays valid for {keep[kind]} seconds")
        for algorithm in rotation.retired:
            click.echo(f"{kind} {algorithm}: not in use any more; its keys stay valid for {keep[kind]} seconds")


@keys.command("replace")
@purpose_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def replace_keys(purpose: str | None, yes: bool) -> None:
    """Delete the keys and make new ones, for keys that leaked or cannot be opened.

    Every token that they signed or sealed is dead at once: clients send their users again.
    """
    if not yes:
        click.confirm("Every token that these keys signed or sealed will be dead. Go on?", abort=True)
    server = authorization_server()
    for kind in [purpose] if purpose else PURPOSES:
        for algorithm, key_id in server.keys.replace(kind).items():
            click.echo(f"{kind} {algorithm}: {key_id} is in use; the former keys are deleted")
    try:
        server.keys.keyring  # noqa: B018 - opens every key
    except SettingsError as error:
        raise click.ClickException(f"Other keys cannot be opened, and nothing works: {error} Replace all.") from None


@keys.command("reencrypt")
def reencrypt_keys() -> None:
    """Encrypt keys and kept secrets anew under OAUTH2_KEY_ENCRYPTION_KEY, so that its fallbacks can go."""
    server = authorization_server()
    count = server.keys.reencrypt() + server.clients.reencrypt_secrets()
    click.echo(
        f"{count} keys and secrets are encrypted under OAUTH2_KEY_ENCRYPTION_KEY; no fallback is needed any more"
    )
