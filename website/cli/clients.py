"""Owns ``flask clients``: making clients, looking at them, renewing their secrets, and how one is stopped."""

from __future__ import annotations

from typing import Any, BinaryIO

import click
from flask.cli import AppGroup

from .. import scopes
from ..client import Client
from ..client_metadata import MetadataProblems, Offered, implied_response_types, usual_scope
from ..client_policy import Creator
from ..strict_json import MalformedJSONError, read_object
from .console import TAKES_HYPHENS, as_json, current_server, moment, print_facts, print_json, print_table

clients = AppGroup("clients", help="Make clients, look at them, and stop one.")
USUAL_GRANT_TYPES = ("authorization_code", "refresh_token")
#: Where each field of the metadata and of the policy comes from.
OPTIONS = {
    "client_name": "NAME",
    "client_uri": "--uri",
    "policy_uri": "--policy-uri",
    "tos_uri": "--tos-uri",
    "redirect_uris": "--redirect-uri",
    "grant_types": "--grant-type",
    "response_types": "--grant-type",
    "scope": "--scope",
    "token_endpoint_auth_method": "--auth-method",
    "access_token_format": "--jwt-access-tokens",
    "may_introspect": "--may-introspect",
}


@clients.command("create")
@click.argument("name")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where people are sent back to. Repeatable.")
@click.option(
    "--grant-type",
    "grant_types",
    multiple=True,
    help="A way to get tokens. Repeatable; by default authorization_code and refresh_token.",
)
@click.option(
    "--scope",
    help="What it may ask for at most, with a space between. By default openid profile email and what OAUTH2_SCOPES"
    " names, with offline_access where it may refresh.",
)
@click.option(
    "--auth-method",
    default="client_secret_basic",
    show_default=True,
    help="client_secret_basic, client_secret_post, or none for a client that cannot keep a secret.",
)
@click.option("--uri", default="", help="Its web site.")
@click.option("--policy-uri", default="", help="Where it says what it does with people's data.")
@click.option("--tos-uri", default="", help="Its terms of service.")
@click.option(
    "--metadata",
    "more",
    type=click.File("rb"),
    help="A file with more fields of its registration, as a JSON object: jwks, subject_type, backchannel_logout_uri.",
)
@click.option("--first-party", "is_first_party", is_flag=True, help="It is your own: nobody is asked for consent.")
@click.option(
    "--may-introspect", is_flag=True, help="It is an API of yours: it may look at every token meant for this server."
)
@click.option("--jwt-access-tokens", "has_jwt", is_flag=True, help="Its access tokens are JWTs, instead of sealed.")
@click.option(
    "--claims-in-id-token", is_flag=True, help="Its ID tokens have the claims of its scopes: it reads nothing else."
)
@as_json
def create_client(name: str, scope: str | None, is_json: bool, **chosen: Any) -> None:
    """Make a client and print its secret, this once. It belongs to no account."""
    server = current_server()
    usual = tuple(value for value in USUAL_GRANT_TYPES if value in server.offered.grant_types)
    grant_types = list(dict.fromkeys(chosen["grant_types"] or usual))
    metadata = {
        **_read_fields(chosen["more"], server.offered),
        "client_name": name.strip(" "),
        "client_uri": chosen["uri"],
        "policy_uri": chosen["policy_uri"],
        "tos_uri": chosen["tos_uri"],
        "redirect_uris": list(dict.fromkeys(chosen["redirect_uris"])),
        "grant_types": grant_types,
        "response_types": implied_response_types(grant_types),
        "scope": usual_scope(server.settings.scopes, grant_types, server.offered)
        if scope is None
        else scopes.join(scopes.split(scope)),
        "token_endpoint_auth_method": chosen["auth_method"],
    }
    policy = {
        "is_first_party": chosen["is_first_party"],
        "access_token_format": "jwt" if chosen["has_jwt"] else "sealed",
        "may_introspect": chosen["may_introspect"],
        "claims_in_id_token": chosen["claims_in_id_token"],
    }
    _refuse(server.client_policy(Creator.OPERATOR).find_problems(metadata, policy))
    client, secret = server.clients.create(metadata, None, **policy)
    _note("client_created", client, **({"may_introspect": True} if client.may_introspect else {}))
    if is_json:
        print_json({**_facts(client), "client_secret": secret})
        return
    click.echo(f"Client {client.client_name} created")
    _print_secret(client, secret)


@clients.command("show", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@as_json
def show_client(client_id: str, is_json: bool) -> None:
    """Show one client: its metadata, its policy, and when its secrets end."""
    client = _client(client_id)
    secrets = [
        {"created_at": moment(secret.created_at), "expires_at": moment(secret.expires_at)}
        for secret in current_server().clients.list_secrets(client.id)
    ]
    if is_json:
        print_json({**_facts(client), "secrets": secrets})
        return
    facts = {
        name: " ".join(value) if isinstance(value, list) else value
        for name, value in _facts(client).items()
        if value not in (None, "", [])
    }
    spans = [f"{secret['created_at']} to {secret['expires_at'] or '(no end set)'}" for secret in secrets]
    print_facts({**facts, "secrets": ", ".join(spans) or "none"})


@clients.command("rotate-secret", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.option("--at-once", is_flag=True, help="The former secret stops working now: somebody else has it.")
def rotate_secret(client_id: str, at_once: bool) -> None:
    """Give a client a new secret and print it, this once.

    The former one works on for OAUTH2_SECRET_OVERLAP_SECONDS.
    """
    server, client = current_server(), _client(client_id)
    if not client.needs_secret:
        kind = "is a public client" if client.is_public else "proves itself by its own key"
        raise click.ClickException(f"{client.client_name} {kind}: it has no secret.")
    secret = server.clients.rotate_secret(client.id, 0 if at_once else server.settings.secret_overlap_seconds)
    _note("client_secret_rotated", client)
    click.echo(f"Client {client.client_name} has a new secret")
    _print_secret(client, secret)


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


@clients.command("allow-introspection", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def allow_introspection(client_id: str) -> None:
    """Let a client, an API of yours, look at every token meant for this server. Other nodes follow within a second."""
    client = _client(client_id)
    if client.is_public:
        raise click.ClickException(f"{client.client_name} is a public client: it cannot prove who it is.")
    current_server().clients.set_may_introspect(client.id, True)
    _note("client_changed", client, may_introspect=True)
    click.echo(f"Client {client.client_name} may look at every token meant for this server")


@clients.command("forbid-introspection", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
def forbid_introspection(client_id: str) -> None:
    """Let a client look at its own tokens only."""
    client = _client(client_id)
    current_server().clients.set_may_introspect(client.id, False)
    _note("client_changed", client, may_introspect=False)
    click.echo(f"Client {client.client_name} may look at its own tokens only")


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


def _read_fields(file: BinaryIO | None, offered: Offered) -> dict[str, Any]:
    """Return the fields of a file. Raises ``ClickException`` for one that is unknown here, or has an option."""
    if file is None:
        return {}
    try:
        fields = read_object(file.read())
    except MalformedJSONError as error:
        raise click.ClickException(f"--metadata: {error}") from None
    unknown = [name for name in fields if name not in offered.fields or name in OPTIONS]
    if unknown:
        known = ", ".join(sorted(set(offered.fields) - set(OPTIONS)))
        raise click.ClickException(f"--metadata: {', '.join(unknown)} cannot be set by it. These can: {known}.")
    return fields


def _client(client_id: str) -> Client:
    client = current_server().clients.find_any(client_id)
    if client is None:
        raise click.ClickException(f"There is no client with the client_id {client_id!r}.")
    return client


def _refuse(*found: MetadataProblems) -> None:
    """Raise ``ClickException`` for what is wrong, each with the option that it is about."""
    pairs = [pair for problems in found for pair in problems.by_field.items()]
    lines = [f"{OPTIONS.get(name, name)}: {problem}" for name, problem in pairs]
    if lines:
        raise click.ClickException("\n  ".join([f"{len(lines)} problems:", *lines] if len(lines) > 1 else lines))


def _print_secret(client: Client, secret: str | None) -> None:
    if secret is None:
        print_facts({"client_id": client.client_id})
        return
    print_facts({"client_id": client.client_id, "client_secret": secret})
    click.echo("The secret is shown this once: only its hash is kept.")


def _note(event: str, client: Client, **more: object) -> None:
    detail = {"client_id": client.client_id, "client_name": client.client_name, **more}
    current_server().audit.record(event, client=client.id, detail=detail)


def _facts(client: Client) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "grant_types": [*client.grant_types],
        "redirect_uris": [*client.redirect_uris],
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "scope": " ".join(client.scope),
        "client_uri": client.client_uri,
        "policy_uri": client.metadata.get("policy_uri", ""),
        "tos_uri": client.metadata.get("tos_uri", ""),
        "response_types": [*client.response_types],
        "is_first_party": client.is_first_party,
        "pkce_required": client.pkce_required,
        "access_token_format": client.access_token_format,
        "subject_type": client.subject_type,
        "sector": client.sector if client.subject_type == "pairwise" else "",
        "may_introspect": client.may_introspect,
        "claims_in_id_token": client.claims_in_id_token,
        "owner_subject": client.owner_subject,
        "created_at": moment(client.created_at),
        "disabled_at": moment(client.disabled_at),
    }
