"""``flask clients fetch-logo``: fetching a client's logo again."""

from __future__ import annotations

import click

from ..routes.authorization_server import authorization_server
from .clients import clients
from .console import TAKES_HYPHENS


@clients.command("fetch-logo", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def fetch_logo(client_id: str) -> None:
    """Fetch a client's logo again, after it has changed or couldn't be fetched."""
    server = authorization_server()
    logos, client = server.clients.logos, server.clients.find_any(client_id)
    if client is None:
        raise click.ClickException(f"There is no client with the client_id {client_id!r}.")
    name = client.client_name
    if not logos.is_on:
        raise click.ClickException("Logos are turned off: see OAUTH2_CLIENT_LOGOS.")
    if not client.metadata.get("logo_uri"):
        raise click.ClickException(f"{name} has no logo_uri.")
    if not logos.may_show(client):
        raise click.ClickException(
            f"The logo of {name} is hidden. To show it: flask clients set --logo shown {client_id}"
        )
    problem = logos.fetch(client)
    if problem:
        raise click.ClickException(f"The logo of {name} couldn't be fetched: {problem}.")
    click.echo(f"The logo of {name} was fetched from {client.metadata['logo_uri']}")
