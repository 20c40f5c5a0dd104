"""``flask clients set-subject-type``: by which identifiers a client knows its users, changed by an operator."""

from __future__ import annotations

import click

from ..clients.operator_decisions import check_decisions, decisions_of
from ..clients.subject_changes import find_sector_problem
from ..clients.subject_types import PAIRWISE, TYPE_FIELD
from ..routes.authorization_server import authorization_server
from .clients import clients
from .console import TAKES_HYPHENS


@clients.command("set-subject-type", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@click.argument("subject_type", type=click.Choice(["public", "pairwise"]))
@click.option("--sector", default="", help="Clients of one sector know a user alike. By default that of its redirects.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def set_subject_type(client_id: str, subject_type: str, sector: str, yes: bool) -> None:
    """Give a client public or pairwise subjects, or another sector.

    It will know its users by other identifiers, so its grants and consents end.
    """
    server = authorization_server()
    client = server.clients.find_any(client_id)
    if client is None:
        raise click.ClickException(f"There is no client with the client_id {client_id!r}.")
    if subject_type == PAIRWISE and subject_type not in server.subject_types:
        raise click.ClickException("Pairwise subjects are switched off here.")
    sector = sector.lower()
    found = check_decisions(
        decisions_of(client),
        {**client.metadata, TYPE_FIELD: subject_type},
        server.tokens.formats,
        server.settings.signing_algorithms,
    )
    problem = next(iter(found.by_field.values()), "") or find_sector_problem(subject_type, sector)
    if problem:
        raise click.ClickException(problem)
    if not yes:
        click.confirm(f"End all grants and consents of {client.client_name}?", abort=True)
    if server.client_subjects.change(client.id, subject_type, sector):
        click.echo(f"Client {client.client_name} has {subject_type} subjects now; its grants and consents have ended")
    else:
        click.echo(f"Client {client.client_name} has {subject_type} subjects already; nothing changed")
