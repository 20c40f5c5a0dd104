"""``flask resources allow``, ``disallow`` and ``introspect``: what clients may do at an API."""

from __future__ import annotations

from collections.abc import Sequence

import click

from .. import scopes as scope_values
from ..resources import InvalidResourceError
from ..routes.current.authorization_server import authorization_server
from .clients import find_client
from .console import TAKES_HYPHENS
from .resources import find_resource, refusal, resources

#: How a client gets tokens without anybody's consent, by grant type.
WAYS = {"client_credentials": "for itself", "password": "with people's passwords"}


@resources.command("allow", context_settings=TAKES_HYPHENS)
@click.argument("client_id", metavar="CLIENT")
@click.argument("identifier", metavar="API")
@click.argument("scopes", nargs=-1)
def allow_client(client_id: str, identifier: str, scopes: Sequence[str]) -> None:
    """Let a client request these scopes of an API for itself, with client_credentials, or with a person's password.

    If the client registered itself, or its owner isn't an operator, it may also ask people for these scopes.
    They replace the scopes that it was allowed before. Takes a second to reach other nodes. Only an API without scopes
    needs none here.
    """
    client, resource = find_client(client_id), find_resource(identifier)
    if not scopes and resource.scopes:
        raise click.UsageError(f"Name scopes of {resource.name}: {' '.join(resource.scopes)}.")
    scope = scope_values.join(scopes)
    try:
        authorization_server().resources.allow(client, resource, scope)
    except InvalidResourceError as error:
        raise refusal(error) from None
    what = f"{scope} of" if scope else "tokens for"
    granted = [*filter(client.check_grant_type, WAYS)]
    ways = " and ".join(WAYS[grant_type] for grant_type in granted or ["client_credentials"])
    click.echo(f"Client {client.client_name} may request {what} {resource.name} {ways}")
    if not authorization_server().resources.is_by_operator(client):
        click.echo("It may also ask people for that: it registered itself, or its owner isn't an operator.")
    if not granted:
        click.echo("For that, it also needs the grant type client_credentials: see flask clients set --grant-type.")


@resources.command("disallow", context_settings=TAKES_HYPHENS)
@click.argument("client_id", metavar="CLIENT")
@click.argument("identifier", metavar="API")
def disallow_client(client_id: str, identifier: str) -> None:
    """No longer let a client request tokens for an API for itself.

    Access that people gave it stays. But if the client registered itself, or its owner isn't an operator, its new
    tokens only have the scopes that are open to such clients.
    """
    client, resource = find_client(client_id), find_resource(identifier)
    authorization_server().resources.disallow(client, resource)
    click.echo(f"Client {client.client_name} can no longer request tokens for {resource.name} for itself")


@resources.command("introspect", context_settings=TAKES_HYPHENS)
@click.argument("client_id", metavar="CLIENT")
@click.argument("identifier", metavar="API")
@click.option("--no", "is_off", is_flag=True, help="It may no longer introspect them.")
def let_introspect(client_id: str, identifier: str, is_off: bool) -> None:
    """Let a client, such as the API itself, introspect the tokens for an API. Takes a second to reach other nodes."""
    client, resource = find_client(client_id), find_resource(identifier)
    try:
        authorization_server().resources.set_may_introspect(client, resource, not is_off)
    except InvalidResourceError as error:
        raise refusal(error) from None
    may = "may not" if is_off else "may"
    click.echo(f"Client {client.client_name} {may} introspect the tokens for {resource.name}")
