"""``flask initial-access-tokens``: creating, listing and deleting tokens for registering clients."""

from __future__ import annotations

import click

from ..models.initial_access_token import InitialAccessToken
from ..routes.current.authorization_server import authorization_server
from ..settings import BY_TOKEN, OFF, OPEN
from .console import TAKES_HYPHENS, as_json, moment, print_facts, print_json, print_table
from .shown_errors import Group

SECONDS_A_DAY = 86400
MAX_NOTE_CHARACTERS = 200

initial_access_tokens = Group("initial-access-tokens", help="Manage the tokens that others need to register clients.")


@initial_access_tokens.command("create")
@click.argument("note")
@click.option(
    "--uses", default=1, show_default=True, type=click.IntRange(1, 1_000_000), help="How many clients it can register."
)
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 3660), help="How long it is valid.")
@as_json
def create_token(note: str, uses: int, days: int, is_json: bool) -> None:
    """Create a token and print it; it can't be shown again. NOTE says who or what it is for."""
    server = authorization_server()
    if server.settings.registration == OFF:
        raise click.ClickException(f"OAUTH2_REGISTRATION is {OFF}: set it to {BY_TOKEN} or {OPEN} first.")
    if len(note) > MAX_NOTE_CHARACTERS or not note.isprintable():
        raise click.ClickException(f"NOTE: at most {MAX_NOTE_CHARACTERS} characters, none of them invisible.")
    row, text = server.clients.initial_access_tokens.create(note, uses, days * SECONDS_A_DAY)
    if is_json:
        print_json({**_facts(row), "initial_access_token": text})
        return
    click.echo(f"Valid for {uses} {'client' if uses == 1 else 'clients'} until {moment(row.expires_at)}")
    print_facts({"id": row.id, "initial_access_token": text})
    click.echo("Copy the token now: only its hash is stored, so it can't be shown again.")


@initial_access_tokens.command("list")
@as_json
def list_tokens(is_json: bool) -> None:
    """List the valid tokens."""
    listing = [_facts(row) for row in authorization_server().clients.initial_access_tokens.list_live()]
    if is_json:
        print_json(listing)
        return
    headings = ("id", "note", "uses_left", "expires_at")
    rows = [tuple(str(facts[heading]) for heading in headings) for facts in listing]
    print_table([heading.upper().replace("_", " ") for heading in headings], rows)


@initial_access_tokens.command("delete", context_settings=TAKES_HYPHENS)
@click.argument("row_id", metavar="ID")
def delete_token(row_id: str) -> None:
    """Delete a token. Clients registered with it stay."""
    if not authorization_server().clients.initial_access_tokens.delete(row_id):
        raise click.ClickException(f"There is no initial access token with the id {row_id!r}.")
    click.echo(f"Initial access token {row_id} deleted")


def _facts(row: InitialAccessToken) -> dict[str, object]:
    return {
        "id": row.id,
        "note": row.note,
        "uses_left": row.uses_left,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
    }
