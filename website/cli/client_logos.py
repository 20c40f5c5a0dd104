"""``flask clients fetch-logo`` and ``upload-logo``: fetching a client's logo again, or choosing another picture."""

from __future__ import annotations

from pathlib import Path

import click

from ..clients.raster_pictures import PictureError
from ..routes.current.authorization_server import authorization_server
from .clients import clients, find_client
from .console import TAKES_HYPHENS


@clients.command("fetch-logo", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def fetch_logo(client_id: str) -> None:
    """Fetch a client's logo again, after it has changed or couldn't be fetched."""
    logos, client = authorization_server().clients.logos, find_client(client_id)
    name = client.client_name
    if not logos.is_on:
        raise click.ClickException("Logos are turned off: see OAUTH2_CLIENT_LOGOS.")
    if not client.metadata.get("logo_uri"):
        raise click.ClickException(f"{name} has no logo_uri.")
    if not logos.may_show(client):
        raise click.ClickException(
            f"The logo of {name} is hidden. To show it: flask clients set --logo shown {client_id}"
        )
    problem = logos.fetch(client, replaces_uploaded=True)
    if problem:
        raise click.ClickException(f"The logo of {name} couldn't be fetched: {problem}.")
    click.echo(f"The logo of {name} was fetched from {client.metadata['logo_uri']}")


@clients.command("upload-logo", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def upload_logo(client_id: str, file: Path) -> None:
    """Show a picture of your own as a client's logo: PNG, JPEG or WebP, at most 64 KiB.

    It replaces the one at the client's logo_uri, and is shown even if the client registered itself. To hide it: flask
    clients set --logo hidden.
    """
    logos, client = authorization_server().clients.logos, find_client(client_id)
    if not logos.is_on:
        raise click.ClickException("Logos are turned off: see OAUTH2_CLIENT_LOGOS.")
    try:
        logos.upload(client, file.read_bytes())
    except PictureError as error:
        raise click.ClickException(f"{file} can't be a logo: {error}.") from None
    click.echo(f"The logo of {client.client_name} is now {file}.")
