"""``flask invitations``: creating, listing and revoking invitations to create an account."""

from __future__ import annotations

from typing import Any

import click

from ..access.group_names import GroupError
from ..joining.invitations import (
    DAY_SECONDS,
    DAYS,
    MAX_DAYS,
    MAX_NOTE_CHARACTERS,
    MAX_USES,
    Invitations,
    ListedInvitation,
)
from ..models.invitation import Invitation
from ..routes.current.authorization_server import authorization_server
from ..settings import BY_INVITATION, CLOSED
from ..standard_claims import ClaimsError
from .console import TAKES_HYPHENS, as_json, local_users, moment, print_facts, print_json, print_table
from .groups import find_group
from .shown_errors import Group

invitations = Group("invitations", help="Manage the links with which people create their own accounts.")


@invitations.command("create", context_settings=TAKES_HYPHENS)
@click.argument("note")
@click.option("--email", default="", help="Send the link to this address, for one person.")
@click.option("--group", "names", multiple=True, metavar="NAME", help="A group for the accounts. Repeatable.")
@click.option(
    "--uses", default=1, show_default=True, type=click.IntRange(1, MAX_USES), help="How many people can use it."
)
@click.option("--days", default=DAYS, show_default=True, type=click.IntRange(1, MAX_DAYS), help="How long it works.")
@as_json
def create_invitation(note: str, email: str, names: tuple[str, ...], uses: int, days: int, is_json: bool) -> None:
    """Create an invitation and print its link; it can't be shown again. NOTE says who it is for."""
    found = _find_invitations()
    if not note or len(note) > MAX_NOTE_CHARACTERS or not note.isprintable():
        raise click.ClickException(f"NOTE: at most {MAX_NOTE_CHARACTERS} characters, none of them invisible.")
    group_ids = [find_group(name).id for name in names]
    if email:
        _send(found, note, email, uses, days, group_ids)
        return
    try:
        row, token = found.create(note, uses=uses, seconds=days * DAY_SECONDS, group_ids=group_ids)
    except GroupError as error:
        raise click.ClickException(str(error)) from None
    link = found.link_of(token)
    if is_json:
        print_json({**_facts(row), "groups": list(names), "link": link})
        return
    click.echo(f"For {_people(uses)}, until {moment(row.expires_at)}:\n{link}")
    _tell_rights(found, group_ids)
    click.echo("Copy the link now: only its hash is stored, so it can't be shown again.")


@invitations.command("list")
@as_json
def list_invitations(is_json: bool) -> None:
    """List the invitations that can still be used."""
    listed = _find_invitations().list_live()
    if is_json:
        print_json([_listed_facts(invitation) for invitation in listed])
        return
    print_table(
        ("ID", "NOTE", "EMAIL", "GROUPS", "BY", "USED", "EXPIRES"),
        [
            (
                invitation.row.id,
                invitation.row.note,
                invitation.row.email,
                ", ".join(invitation.groups),
                invitation.maker,
                f"{invitation.row.uses - invitation.row.uses_left} of {invitation.row.uses}",
                moment(invitation.row.expires_at),
            )
            for invitation in listed
        ],
    )


@invitations.command("revoke", context_settings=TAKES_HYPHENS)
@click.argument("row_id", metavar="ID")
def revoke_invitation(row_id: str) -> None:
    """Revoke an invitation: its link stops working. Accounts created with it stay."""
    if not _find_invitations().revoke(row_id):
        raise click.ClickException(f"There is no invitation with the id {row_id!r}.")
    click.echo(f"Invitation {row_id} revoked")


def _find_invitations() -> Invitations:
    """Return the invitations. Raises ``ClickException`` where nobody creates their own account."""
    local_users()
    server = authorization_server()
    if server.settings.demo:
        raise click.ClickException("The demo needs no invitations: any username can log in.")
    if server.settings.joining == CLOSED:
        raise click.ClickException(f"OAUTH2_JOINING is {CLOSED}: set it to {BY_INVITATION} first.")
    return server.joining.invitations


def _tell_rights(found: Invitations, group_ids: list[str]) -> None:
    """Print what an invitation gives beside an account, as anyone who has its link gets it."""
    roles = {role for group_id in group_ids for role in authorization_server().access.roles.of_group(group_id)}
    if roles:
        click.echo(f"Everybody who uses it gets the role {' and '.join(sorted(roles))}, from a group.")
    elif found.gives_rights(group_ids):
        click.echo("Everybody who uses it gets what the groups give: see flask groups show.")


def _send(found: Invitations, note: str, email: str, uses: int, days: int, group_ids: list[str]) -> None:
    if not authorization_server().mail.is_on:
        raise click.ClickException("No email is sent here: set OAUTH2_SMTP_HOST, or leave out --email to get a link.")
    if uses != 1:
        raise click.UsageError("--email invites one person: leave out --uses.")
    try:
        row = found.send(note, email, seconds=days * DAY_SECONDS, group_ids=group_ids)
    except ClaimsError as error:
        raise click.ClickException(f"--email: {error.problems['email']}") from None
    click.echo(f"The invitation for {row.email} is in the outbox; it works until {moment(row.expires_at)}")
    print_facts({"id": row.id})


def _people(number: int) -> str:
    return "one person" if number == 1 else f"{number} people"


def _listed_facts(invitation: ListedInvitation) -> dict[str, Any]:
    return {**_facts(invitation.row), "groups": list(invitation.groups), "by": invitation.maker}


def _facts(row: Invitation) -> dict[str, Any]:
    return {
        "id": row.id,
        "note": row.note,
        "email": row.email,
        "uses": row.uses,
        "uses_left": row.uses_left,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
    }
