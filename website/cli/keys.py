"""``flask keys``: listing, rotating, replacing and re-encrypting the keys that sign, seal and decrypt."""

from __future__ import annotations

import click

from ..models.key import DECRYPTING, SEALING, SIGNING
from ..routes.current.authorization_server import authorization_server
from ..settings import SettingsError
from .console import as_json, moment, print_json, print_table
from .shown_errors import Group

#: Margin for clock differences between nodes and for clients that cache the JWKS for ten minutes.
ROTATION_MARGIN_SECONDS = 900
#: Clients that encrypt to our keys may have an older JWKS, and an object behind a request_uri may be a day old.
DECRYPTION_SECONDS = 86400

PURPOSES = [SIGNING, SEALING, DECRYPTING]
keys = Group("keys", help="List, rotate and replace the keys that sign, seal and decrypt.")
purpose_option = click.option(
    "--purpose", type=click.Choice(PURPOSES), help="Only this kind of key; by default all kinds."
)


@keys.command("list")
@as_json
def list_keys(is_json: bool) -> None:
    """List all keys with purpose, state and dates."""
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
    """Start using the next keys and create new next ones. Issued tokens keep working.

    The keys of an algorithm that was removed from OAUTH2_SIGNING_ALGORITHMS are retired.
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
            click.echo(f"{kind} {algorithm}: {key_id} is in use; the previous key stays valid for {keep[kind]} seconds")
        for algorithm in rotation.retired:
            click.echo(f"{kind} {algorithm}: no longer in use; its keys stay valid for {keep[kind]} seconds")


@keys.command("replace")
@purpose_option
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def replace_keys(purpose: str | None, yes: bool) -> None:
    """Delete the keys and create new ones, if keys leaked or can't be decrypted.

    Every token that they signed or sealed becomes invalid at once, and users have to log in to clients again.
    """
    if not yes:
        click.confirm("Every token that these keys signed or sealed will become invalid. Continue?", abort=True)
    server = authorization_server()
    for kind in [purpose] if purpose else PURPOSES:
        for algorithm, key_id in server.keys.replace(kind).items():
            click.echo(f"{kind} {algorithm}: {key_id} is in use; the old keys were deleted")
    try:
        server.keys.keyring  # noqa: B018 - decrypts every key
    except SettingsError as error:
        raise click.ClickException(f"Other keys can't be decrypted, so nothing works: {error} Replace all.") from None


@keys.command("reencrypt")
def reencrypt_keys() -> None:
    """Re-encrypt keys and stored secrets with OAUTH2_KEY_ENCRYPTION_KEY, so that you can remove its fallbacks."""
    server = authorization_server()
    count = (
        server.keys.reencrypt() + server.clients.reencrypt_secrets() + server.accounts.second_factors.totp.reencrypt()
    )
    click.echo(f"{count} keys and secrets are encrypted with OAUTH2_KEY_ENCRYPTION_KEY; fallbacks are no longer needed")
