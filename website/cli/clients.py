"""Owns ``flask clients``: what an operator sees of the clients, and how one is stopped."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from ..clients import Client
from .console import TAKES_HYPHENS, as_json, current_server, moment, print_json, print_table

clients = AppGroup("clients", help="Look at the clients, and stop one.")


@clients.command("list")
@click.option("--limit", default=1000, show_default=True, help="How many at most.")
@as_json
def list_clients(limit: int, is_json: bool) -> None:
    """Show the clients, by name."""
    found = current_server().clients.list_all(limit)
    if is_json:
        print_json([_facts(client) for client in found])
        return
    print_table(
        ("CLIENT_ID", "NAME", "GRANT TYPES", "CREATED", "DISABLED"),
        [
            (client.client_id, client.client_name, " ".join(client.grant_types), moment(client.created_at),
             moment(client.disabled_at))
            for client in found
        ],
    )  # fmt: skip


@clients.command("disable", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def disable_client(client_id: str) -> None:
    """Give a client no token any more, and end those it has. Other nodes follow within a second."""
    client = _client(client_id)
    current_server().clients.set_disabled(client.id, True)
    _note("client_disabled", client)
    click.echo(f"Client {client.client_name} disabled; every token of it has ended")


@clients.command("enable", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def enable_client(client_id: str) -> None:
    """Let a disabled client get tokens again. Those that ended stay ended."""
    client = _client(client_id)
    current_server().clients.set_disabled(client.id, False)
    _note("client_enabled", client)
    click.echo(f"Client {client.client_name} enabled")


@clients.command("delete", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_client(client_id: str, yes: bool) -> None:
    """Delete a client for good, with its secrets, tokens and consents."""
    client = _client(client_id)
    if not yes:
        click.confirm(f"Delete {client.client_name} for good?", abort=True)
    current_server().clients.delete(client.id)
    _note("client_deleted", client)
    click.echo(f"Client {client.client_name} deleted")


def _client(client_id: str) -> Client:
    client = current_server().clients.find_any(client_id)
    if client is None:
        raise click.ClickException(f"There is no client with the client_id {client_id!r}.")
    return client


def _note(event: str, client: Client) -> None:
    detail = {"client_id": client.client_id, "client_name": client.client_name}
    current_server().audit.record(event, client=client.id, detail=detail)


def _facts(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "grant_types": [*client.grant_types],
        "redirect_uris": [*client.redirect_uris],
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "scope": " ".join(client.scope),
        "owner_subject": client.owner_subject,
        "created_at": moment(client.created_at),
        "disabled_at": moment(client.disabled_at),
    }
