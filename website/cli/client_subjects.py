"""``flask clients set-subject-type``: changing a client's subject type or sector."""

from __future__ import annotations

import click

from ..clients.operator_decisions import check_decisions, decisions_of
from ..clients.subject_changes import find_sector_problem
from ..clients.subject_types import PAIRWISE, TYPE_FIELD
from ..routes.current.authorization_server import authorization_server
from .clients import clients, find_client
from .console import TAKES_HYPHENS


@clients.command("set-subject-type", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.argument("subject_type", type=click.Choice(["public", "pairwise"]))
@click.option(
    "--sector",
    default="",
    help="Clients in one sector get the same subject for a user. By default from its redirect URIs.",
)
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
def set_subject_type(client_id: str, subject_type: str, sector: str, yes: bool) -> None:
    """Change a client's subject type or sector.

    The client then gets new identifiers for its users, so its grants and consents end.
    """
    server, client = authorization_server(), find_client(client_id)
    if subject_type == PAIRWISE and subject_type not in server.registry.subject_types:
        raise click.ClickException("Pairwise subjects are turned off.")
    sector = sector.lower()
    problems = check_decisions(
        decisions_of(client),
        {**client.metadata, TYPE_FIELD: subject_type},
        server.registry.token_formats,
        server.settings.signing_algorithms,
    )
    problem = next(iter(problems.by_field.values()), "") or find_sector_problem(subject_type, sector)
    if problem:
        raise click.ClickException(problem)
    if not yes:
        click.confirm(f"End all grants and consents of {client.client_name}?", abort=True)
    if server.clients.subjects.change(client.id, subject_type, sector):
        click.echo(f"Client {client.client_name} now has {subject_type} subjects; its grants and consents have ended")
    else:
        click.echo(f"Client {client.client_name} already has {subject_type} subjects; nothing changed")
