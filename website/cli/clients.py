"""``flask clients``: creating, changing, listing, disabling and deleting clients, and rotating their secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from ..clients import Client
from ..clients.operator_decisions import decisions_of
from ..clients.owners import OwnerGoneError
from ..clients.policy import Creator
from ..clients.presets import APPLICATIONS, CLIENTS, PRESETS
from ..clients.subject_types import find_change_problems
from ..routes.current.authorization_server import authorization_server
from .client_fields import field_options, name_of_owner, read_changes, read_new_client, refuse, subject_of_owner
from .console import TAKES_HYPHENS, as_json, moment, print_facts, print_json, print_table
from .shown_errors import Group

PRESETS_IN_WORDS = ", ".join(f"{name} ({preset.title.lower()})" for name, preset in PRESETS.items() if name in CLIENTS)
#: What isn't created as a client, by the name that people write, and the command for it.
OTHER_COMMANDS = {
    "api": "An API is registered with: flask resources create.",
    "mcp": "AI agents and MCP clients register themselves; a token for that: flask initial-access-tokens create.",
}


class PresetName(click.Choice[str]):
    """The name of a preset; where something else is created instead, the error says how."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in OTHER_COMMANDS:
            self.fail(OTHER_COMMANDS[value], param, ctx)
        return super().convert(value, param, ctx)


clients = Group("clients", help="Create, change, list and disable clients.")


@clients.command("create")
@click.argument("name")
@click.option(
    "--type",
    "kind",
    type=PresetName([*CLIENTS]),
    default="web",
    help=f"What it is, which decides its usual grant types and authentication: {PRESETS_IN_WORDS}, or a known"
    f" application: {', '.join(APPLICATIONS)}. By default web.",
)
@click.option("--base-url", help="Where a known application is installed: its redirect URIs follow from that.")
@field_options
@click.option(
    "--owner", metavar="USERNAME", help="The account that owns it (embedded: the user's id). By default none."
)
@as_json
def create_client(name: str, owner: str | None, is_json: bool, **chosen: Any) -> None:
    """Create a client and print its secret, which can't be shown again."""
    server = authorization_server()
    subject = None if owner is None else subject_of_owner(owner)
    metadata, columns = read_new_client(server, name, chosen)
    refuse(server.client_policy(Creator.OPERATOR).find_problems(metadata, columns))
    client, secret = server.clients.create(metadata, subject, **columns)
    _fetch_logo(client)
    if is_json:
        print_json({**_facts(client), "client_secret": secret})
        return
    click.echo(f"Client {client.client_name} created")
    _print_secret(client, secret)


@clients.command("set", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.option("--name", help="Its name.")
@field_options
@click.option(
    "--owner",
    metavar="USERNAME",
    help="The account that owns it from now on; in an embedding application, the id of its user.",
)
@click.option("--no-owner", is_flag=True, help="Remove its owner.")
@as_json
def set_client(
    client_id: str, name: str | None, owner: str | None, no_owner: bool, is_json: bool, **chosen: Any
) -> None:
    """Change a client. Everything else stays the same, and so do people's consents; a list replaces the old one.

    To change its subject type, use set-subject-type.
    """
    server, client = authorization_server(), find_client(client_id)
    if owner is not None and no_owner:
        raise click.UsageError("Write --owner or --no-owner, not both.")
    new_owner = subject_of_owner(owner) if owner is not None else None
    changes, columns = read_changes(server, client, name, chosen)
    if not changes and not columns and owner is None and not no_owner:
        raise click.UsageError("Give at least one option to change.")
    if changes and client.is_document:
        raise click.ClickException(
            f"What {client.client_name} is comes from its metadata document: change only what an operator decides."
        )
    if changes or columns:
        changed = {field: value for field, value in {**client.metadata, **changes}.items() if value is not None}
        policy = replace(server.client_policy(Creator.OPERATOR), changes=client)
        problems = policy.find_problems(changed, {**decisions_of(client), **columns})
        problems.add_all(find_change_problems(client, changed))
        refuse(problems)
        server.clients.update(client.id, changes, **columns)
        _fetch_logo(find_client(client_id))
    if owner is not None or no_owner:
        try:
            server.clients.owners.set(client.id, new_owner)
        except OwnerGoneError:
            raise click.ClickException(f"{owner} can no longer log in: the client keeps its owner.") from None
    after, secret = find_client(client_id), None
    if after.lacks_secret:
        secret = server.clients.rotate_secret(client.id, server.settings.secret_overlap_seconds)
    if is_json:
        print_json({**_facts(find_client(client_id)), "client_secret": secret})
        return
    click.echo(f"Client {after.client_name} changed")
    if secret is not None:
        _print_secret(after, secret)


@clients.command("show", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@as_json
def show_client(client_id: str, is_json: bool) -> None:
    """Show a client: its metadata, its policy, and when its secrets expire."""
    client = find_client(client_id)
    secrets = [
        {"created_at": moment(secret.created_at), "expires_at": moment(secret.expires_at)}
        for secret in authorization_server().clients.list_secrets(client.id)
    ]
    logo = authorization_server().clients.logos.state_of(client)
    fetched = {} if logo is None else {"logo_tried_at": moment(logo.tried_at), "logo_problem": logo.problem}
    document = authorization_server().clients.documents.state_of(client)
    if document is not None:
        fetched["document_fetched_at"] = moment(document.fetched_at)
        fetched["document_fresh_until"] = moment(document.fresh_until)
    if is_json:
        print_json({**_facts(client), **fetched, "secrets": secrets})
        return
    facts = {
        name: " ".join(value) if isinstance(value, list) else value
        for name, value in {**_facts(client), **fetched}.items()
        if value not in (None, "", [])
    }
    spans = [f"since {secret['created_at']}, {_end_in_words(secret['expires_at'])}" for secret in secrets]
    print_facts({**facts, "secrets": "; ".join(spans) or "none"})


@clients.command("rotate-secret", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.option("--at-once", is_flag=True, help="The previous secret stops working now, because it leaked.")
def rotate_secret(client_id: str, at_once: bool) -> None:
    """Create a new secret for a client and print it; it can't be shown again.

    The previous one keeps working for OAUTH2_SECRET_OVERLAP_SECONDS.
    """
    server, client = authorization_server(), find_client(client_id)
    if not client.needs_secret:
        kind = "is a public client" if client.is_public else "authenticates with its own key"
        raise click.ClickException(f"{client.client_name} {kind}: it has no secret.")
    secret = server.clients.rotate_secret(client.id, 0 if at_once else server.settings.secret_overlap_seconds)
    click.echo(f"Client {client.client_name} has a new secret")
    _print_secret(client, secret)


@clients.command("list")
@click.option("--limit", default=1000, show_default=True, help="The maximum number to show.")
@as_json
def list_clients(limit: int, is_json: bool) -> None:
    """List the clients by name."""
    listing = authorization_server().clients.list_all(limit)
    if is_json:
        print_json([_facts(client) for client in listing])
        return
    print_table(
        ("CLIENT_ID", "NAME", "OWNER", "GRANT TYPES", "CREATED", "DISABLED"),
        [
            (
                client.client_id, client.client_name, name_of_owner(client), " ".join(client.grant_types),
                moment(client.created_at), moment(client.disabled_at),
            )
            for client in listing
        ],
    )  # fmt: skip


@clients.command("allow-introspection", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def allow_introspection(client_id: str) -> None:
    """Let a client, such as your API, introspect every token for this server. Takes a second to reach other nodes."""
    client = find_client(client_id)
    if client.is_public:
        raise click.ClickException(f"{client.client_name} is a public client: it can't authenticate.")
    authorization_server().clients.set_may_introspect(client.id, True)
    click.echo(f"Client {client.client_name} may introspect every token for this server")


@clients.command("forbid-introspection", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def forbid_introspection(client_id: str) -> None:
    """Let a client introspect only its own tokens."""
    client = find_client(client_id)
    authorization_server().clients.set_may_introspect(client.id, False)
    click.echo(f"Client {client.client_name} may introspect only its own tokens")


@clients.command("disable", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def disable_client(client_id: str) -> None:
    """Disable a client and revoke its tokens. Takes a second to reach other nodes."""
    client = find_client(client_id)
    authorization_server().clients.set_disabled(client.id, True)
    click.echo(f"Client {client.client_name} disabled; all its tokens were revoked")


@clients.command("enable", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def enable_client(client_id: str) -> None:
    """Enable a disabled client. Its previous tokens stay invalid."""
    client = find_client(client_id)
    authorization_server().clients.set_disabled(client.id, False)
    click.echo(f"Client {client.client_name} enabled")


@clients.command("delete", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def delete_client(client_id: str, yes: bool) -> None:
    """Permanently delete a client with its secrets, tokens and consents."""
    client = find_client(client_id)
    if not yes:
        click.confirm(f"Permanently delete {client.client_name}?", abort=True)
    authorization_server().clients.delete(client.id)
    click.echo(f"Client {client.client_name} deleted")


def find_client(client_id: str) -> Client:
    """Return a client, enabled or not. Raises ``ClickException`` if there is none with this client_id."""
    client = authorization_server().clients.find_any(client_id)
    if client is None:
        raise click.ClickException(f"There is no client with the client_id {client_id!r}.")
    return client


def _print_secret(client: Client, secret: str | None) -> None:
    if secret is None:
        print_facts({"client_id": client.client_id})
        return
    print_facts({"client_id": client.client_id, "client_secret": secret})
    click.echo("Copy the secret now: only its hash is stored, so it can't be shown again.")


def _fetch_logo(client: Client) -> None:
    """Fetch a new logo; a failure doesn't undo the change of the client."""
    problem = authorization_server().clients.logos.fetch_missing(client)
    if problem:
        again = f"Try again with: flask clients fetch-logo {client.client_id}"
        click.echo(f"The logo of {client.client_name} couldn't be fetched: {problem}. {again}", err=True)


def _facts(client: Client) -> dict[str, object]:
    """Return a client's facts: its registered metadata and the operator's decisions."""
    usual = {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "grant_types": [*client.grant_types],
        "redirect_uris": [*client.redirect_uris],
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "secret_either_way": client.secret_either_way,
        "scope": " ".join(client.scope),
        "client_uri": client.client_uri,
        "policy_uri": client.metadata.get("policy_uri", ""),
        "tos_uri": client.metadata.get("tos_uri", ""),
        "response_types": [*client.response_types],
        "subject_type": client.subject_type,
        "sector": client.sector if client.subject_type == "pairwise" else "",
        "extra_origins": [*client.extra_origins],
    }
    return {
        **usual,
        **{name: value for name, value in client.metadata.items() if name not in usual},
        **decisions_of(client),
        "owner": name_of_owner(client),
        "owner_subject": client.owner_subject,
        "created_at": moment(client.created_at),
        "disabled_at": moment(client.disabled_at),
    }


def _end_in_words(expires_at: str | None) -> str:
    return "never expires" if expires_at is None else f"expires {expires_at}"
