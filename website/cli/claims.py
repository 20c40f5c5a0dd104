"""``flask claims``: the claims that one client gets in addition, from groups, constants and fields of accounts."""

from __future__ import annotations

from typing import Any

import click

from ..access.claim_map import (
    AS,
    FIELDS,
    LIST,
    PLACES,
    SCOPES_OF_FIELDS,
    USUAL_PLACES,
    USUAL_SCOPE,
    ClaimMap,
    ClaimMapError,
)  # fmt: skip
from ..access.claim_maps import ClaimMaps
from ..routes.current.authorization_server import authorization_server
from .clients import find_client
from .console import TAKES_HYPHENS, as_json, local_users, print_json, print_table
from .groups import find_group
from .shown_errors import Group

client_argument = click.argument("client_id", metavar="CLIENT")
claims = Group("claims", help="Manage the claims that one client gets in addition.")


@claims.command("set", context_settings=TAKES_HYPHENS)
@client_argument
@click.argument("name")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUP[=VALUE]",
    help="The value for members of a group, by default its name; repeat it, most important first.",
)
@click.option("--constant", multiple=True, metavar="VALUE", help="The same value for everybody; repeat it for a list.")
@click.option("--field", type=click.Choice(FIELDS), default=None, help="A field of the account.")
@click.option(
    "--as", "form", type=click.Choice(AS), default=None, help="By default a list for groups, a string otherwise."
)
@click.option("--scope", default=None, help="The scope that the claim needs, by default that of a field, or profile.")
@click.option(
    "--in",
    "places",
    type=click.Choice(PLACES),
    multiple=True,
    help="Where it is; repeat it. By default in UserInfo and ID tokens.",
)
def set_claim(
    client_id: str,
    name: str,
    groups: tuple[str, ...],
    constant: tuple[str, ...],
    field: str | None,
    form: str | None,
    scope: str | None,
    places: tuple[str, ...],
) -> None:
    """Set a client's mapped claim NAME, replacing an existing one. CLIENT is its client_id.

    As a string, a claim from groups has the value of the first group that the account is in. An account in none of them
    gets no claim.
    """
    if sum(map(bool, (groups, constant, field))) != 1:
        raise click.UsageError("Give either --group, --constant or --field.")
    maps, client = _find_maps(), find_client(client_id)
    known_scopes = authorization_server().registry.scopes
    scope = scope or SCOPES_OF_FIELDS.get(field or "", USUAL_SCOPE)
    if scope not in known_scopes:
        raise click.ClickException(f"There is no scope {scope!r} here. Choose one of: {', '.join(known_scopes)}.")
    is_list = bool(groups) if form is None else form == LIST
    new = ClaimMap(name, scope, places or USUAL_PLACES, is_list, _read_groups(groups), constant, field or "")
    try:
        maps.set(client.id, new)
    except ClaimMapError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{client.client_name} gets the claim {name}")
    if scope not in client.scope:
        click.echo(f"Allow it the scope {scope} as well: it can't request that yet")
    if new.is_chosen_by_people:
        click.echo("People can change this field themselves: the application must not rely on it to know who they are")


@claims.command("remove", context_settings=TAKES_HYPHENS)
@client_argument
@click.argument("name")
def remove_claim(client_id: str, name: str) -> None:
    """Remove a mapped claim of a client."""
    maps, client = _find_maps(), find_client(client_id)
    if not maps.remove(client.id, name):
        raise click.ClickException(f"{client.client_name} has no mapped claim {name!r}.")
    click.echo(f"{client.client_name} no longer gets the claim {name}")


@claims.command("list", context_settings=TAKES_HYPHENS)
@client_argument
@as_json
def list_claims(client_id: str, is_json: bool) -> None:
    """List the mapped claims of a client by name."""
    maps, client = _find_maps(), find_client(client_id)
    found = [_facts(each) for each in maps.list_of(client)]
    if is_json:
        print_json(found)
        return
    rows = [(each["name"], each["as"], _source_in_words(each), each["scope"], ", ".join(each["in"])) for each in found]
    print_table(("CLAIM", "AS", "FROM", "SCOPE", "IN"), rows)


def _find_maps() -> ClaimMaps:
    """Return the claim maps. Raises ``ClickException`` if the application has external users."""
    local_users()
    return authorization_server().access.claim_maps


def _read_groups(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        group = find_group(name)
        pairs.append((group.id, value if equals else group.name))
    return tuple(pairs)


def _facts(each: ClaimMap) -> dict[str, Any]:
    names = authorization_server().access.groups.names_of_ids([group for group, _value in each.groups])
    sources = {
        "groups": [{"group": names[group], "value": value} for group, value in each.groups if group in names],
        "constant": [*each.constant],
        "field": each.field,
    }
    found = {name: source for name, source in sources.items() if source}
    form = LIST if each.is_list else "string"
    return {"name": each.name, "as": form, "scope": each.scope, "in": [*each.places], **found}


def _source_in_words(facts: dict[str, Any]) -> str:
    if "groups" in facts:
        return ", ".join(f"{pair['group']}={pair['value']}" for pair in facts["groups"])
    if "constant" in facts:
        return ", ".join(facts["constant"])
    return f"field {facts['field']}" if "field" in facts else ""
