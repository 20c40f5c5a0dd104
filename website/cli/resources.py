"""``flask resources``: registering, changing, listing and deleting APIs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from .. import scopes as scope_values
from ..resources import InvalidResourceError, Resource, ResourceScope
from ..resources.resource_checks import JWT, SEALED, TYPES, USUAL_ALGORITHM
from ..routes.current.authorization_server import authorization_server
from .console import as_json, moment, print_facts, print_json, print_table
from .shown_errors import Group

TOKEN_FIELDS = ("access_token_format", "access_token_alg", "access_token_typ", "access_token_seconds")
resources = Group("resources", help="Register APIs that clients request tokens for, and allow clients to use them.")


def field_options(command: Any) -> Any:
    """Add an option for each field of an API's tokens and scopes to a command; an omitted one is ``None`` or empty."""
    for option in reversed(
        [
            click.option(
                "--open", "open_scope", metavar="SCOPES",
                help="Lets unverified clients ask people for these scopes, separated by spaces. Unverified"
                " clients are those that registered themselves, or whose owner isn't an operator."
                " New APIs are open to them in the demo, with all scopes, and closed in production.",
            ),
            click.option(
                "--closed", "is_closed", is_flag=True,
                help="Lets unverified clients ask people only for what flask resources allow gives them.",
            ),
            click.option(
                "--access-token-format", type=click.Choice([SEALED, JWT]),
                help="jwt, the default: the API verifies tokens itself. sealed: it introspects them here.",
            ),
            click.option(
                "--access-token-alg", metavar="ALGORITHM",
                help=f"The algorithm that JWTs are signed with. By default {USUAL_ALGORITHM}, if the server has it.",
            ),
            click.option(
                "--access-token-typ", type=click.Choice(TYPES),
                help="The type in the JWTs' header. JWT is for verifiers that don't know at+jwt.",
            ),
            click.option(
                "--access-token-seconds", type=click.IntRange(min=0),
                help="The lifetime of its tokens, at most the server's. 0, the default, means the server's.",
            ),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


@resources.command("create")
@click.argument("identifier")
@click.argument("name")
@click.option(
    "--scope", "scopes", nargs=2, multiple=True, metavar="SCOPE DESCRIPTION",
    help="A scope, and its description for the consent page. Repeatable.",
)  # fmt: skip
@field_options
@as_json
def create_resource(
    identifier: str, name: str, scopes: Sequence[tuple[str, str]], is_json: bool, **chosen: Any
) -> None:
    """Register an API. Its identifier is its URL, and can't be changed later."""
    server = authorization_server()
    new_scopes = _with_scopes((), scopes, chosen)
    try:
        resource = server.resources.create(identifier.strip(), name.strip(), new_scopes, **_read_fields(chosen))
    except InvalidResourceError as error:
        raise refusal(error) from None
    if is_json:
        print_json(_facts(resource))
        return
    click.echo(f"API {resource.name} created")
    print_facts(_as_text(_facts(resource)))
    if resource.access_token_format == JWT and USUAL_ALGORITHM not in server.settings.signing_algorithms:
        click.echo(
            f"Its tokens are signed with {resource.access_token_alg}, as this server has no key for {USUAL_ALGORITHM}."
            f" Every verifier supports {USUAL_ALGORITHM}. To use it, add it to OAUTH2_SIGNING_ALGORITHMS, run flask"
            f" initdb, restart the server, and run: flask resources set {resource.identifier} --access-token-alg"
            f" {USUAL_ALGORITHM}"
        )


@resources.command("set")
@click.argument("identifier")
@click.option("--name", help="Its name.")
@click.option(
    "--scope", "scopes", nargs=2, multiple=True, metavar="SCOPE DESCRIPTION",
    help="A scope to add or to describe differently. Repeatable.",
)  # fmt: skip
@click.option("--remove-scope", "removed", multiple=True, metavar="SCOPE", help="A scope to remove. Repeatable.")
@field_options
@as_json
def set_resource(
    identifier: str, name: str | None, scopes: Sequence[tuple[str, str]], removed: Sequence[str],
    is_json: bool, **chosen: Any,
) -> None:  # fmt: skip
    """Change an API. Everything else stays the same.

    Nobody gets tokens with a removed scope again. Clients lose it too if they may request it for themselves. If you add
    it again later, people and you have to allow it again.
    """
    server, resource = authorization_server(), find_resource(identifier)
    fields = _read_fields(chosen)
    if name is not None:
        fields["name"] = name.strip()
    unknown = [scope for scope in removed if scope not in resource.scopes]
    if unknown:
        raise click.ClickException(f"{resource.name} has no scope {' '.join(unknown)}.")
    if scopes or removed or "is_open" in fields:
        kept = [scope for scope in resource.scopes.values() if scope.name not in removed]
        fields["scopes"] = _with_scopes(kept, scopes, chosen)
    if not fields:
        raise click.UsageError("Give at least one option to change.")
    try:
        changed = server.resources.update(resource.id or "", **fields)
    except InvalidResourceError as error:
        raise refusal(error) from None
    if is_json:
        print_json(_facts(changed))
        return
    click.echo(f"API {changed.name} changed")


@resources.command("list")
@as_json
def list_resources(is_json: bool) -> None:
    """List the APIs by name."""
    listing = authorization_server().resources.list_all()
    if is_json:
        print_json([_facts(resource) for resource in listing])
        return
    print_table(
        ("IDENTIFIER", "NAME", "TOKENS", "SCOPES"),
        [
            (resource.identifier, resource.name, _tokens_in_words(resource), " ".join(resource.scopes))
            for resource in listing
        ],
    )


@resources.command("show")
@click.argument("identifier")
@as_json
def show_resource(identifier: str, is_json: bool) -> None:
    """Show an API: its scopes, its tokens, and what clients may do there."""
    resource = find_resource(identifier)
    clients = [
        {
            "client_id": client_id,
            "client_name": name,
            "scope": None if allowed is None else scope_values.join(allowed),
            "may_introspect": may_introspect,
        }
        for client_id, name, allowed, may_introspect in authorization_server().resources.list_clients(resource)
    ]
    if is_json:
        print_json({**_facts(resource), "clients": clients})
        return
    print_facts(_as_text(_facts(resource)))
    if clients:
        click.echo()
        headings = ("CLIENT_ID", "NAME", "CLIENT_CREDENTIALS", "INTROSPECTS")
        print_table(
            headings, [(*_of_client(client), "yes" if client["may_introspect"] else "no") for client in clients]
        )


@resources.command("delete")
@click.argument("identifier")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def delete_resource(identifier: str, yes: bool) -> None:
    """Permanently delete an API. Its tokens become inactive; clients keep their access to other APIs."""
    resource = find_resource(identifier)
    if not yes:
        click.confirm(f"Permanently delete {resource.name}?", abort=True)
    authorization_server().resources.delete(resource.id or "")
    click.echo(f"API {resource.name} deleted")


def find_resource(identifier: str) -> Resource:
    """Return a registered API. Raises ``ClickException`` if there is none."""
    resource = authorization_server().resources.find(identifier)
    if resource is None or resource.id is None:
        raise click.ClickException(f"There is no API with the identifier {identifier!r}.")
    return resource


def refusal(error: InvalidResourceError) -> click.ClickException:
    """Return the problems of an API's fields as a command's error."""
    return click.ClickException("\n".join(f"{name}: {problem}" for name, problem in error.problems.items()))


def _with_scopes(
    former: Iterable[ResourceScope], new: Sequence[tuple[str, str]], chosen: Mapping[str, Any]
) -> list[ResourceScope]:
    """Return an API's scopes with new or redescribed ones, open to self-registered clients as the options say."""
    is_open = authorization_server().resources.facts.is_open
    scopes = {scope.name: scope for scope in former}
    for name, description in new:
        scopes[name] = ResourceScope(name, description.strip(), scopes[name].is_open if name in scopes else is_open)
    if chosen["open_scope"] is None and not chosen["is_closed"]:
        return [*scopes.values()]
    opened = scope_values.split(chosen["open_scope"])
    unknown = [name for name in opened if name not in scopes]
    if unknown:
        raise click.ClickException(f"--open: the API has no scope {' '.join(unknown)}.")
    return [ResourceScope(scope.name, scope.description, scope.name in opened) for scope in scopes.values()]


def _read_fields(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the chosen fields, without the scopes; 0 seconds mean the server's lifetime."""
    if chosen["is_closed"] and chosen["open_scope"] is not None:
        raise click.UsageError("Write --open or --closed, not both.")
    fields = {name: value for name, value in chosen.items() if name in TOKEN_FIELDS and value is not None}
    if fields.get("access_token_seconds") == 0:
        fields["access_token_seconds"] = None
    if chosen["is_closed"] or chosen["open_scope"] is not None:
        fields["is_open"] = not chosen["is_closed"]
    return fields


def _facts(resource: Resource) -> dict[str, Any]:
    return {
        "identifier": resource.identifier,
        "name": resource.name,
        "open": resource.is_open,
        "scopes": [
            {"scope": scope.name, "description": scope.description, "open": scope.is_open}
            for scope in resource.scopes.values()
        ],
        "access_token_format": resource.access_token_format,
        "access_token_alg": resource.access_token_alg if resource.access_token_format == JWT else None,
        "access_token_typ": resource.access_token_typ if resource.access_token_format == JWT else None,
        "access_token_seconds": resource.access_token_seconds,
        "created_at": moment(resource.created_at),
    }


def _as_text(facts: dict[str, Any]) -> dict[str, Any]:
    opened = [scope["scope"] for scope in facts["scopes"] if scope["open"]] if facts["open"] else []
    scopes = [f"{scope['scope']} ({scope['description']})" for scope in facts["scopes"]]
    texts = {**facts, "scopes": ", ".join(scopes), "open": f"yes: {' '.join(opened)}" if facts["open"] else "no"}
    return {name: value for name, value in texts.items() if value not in (None, "")}


def _of_client(client: dict[str, Any]) -> tuple[str, str, str]:
    return client["client_id"], client["client_name"], "no" if client["scope"] is None else client["scope"]


def _tokens_in_words(resource: Resource) -> str:
    return f"jwt {resource.access_token_alg}" if resource.access_token_format == JWT else resource.access_token_format
