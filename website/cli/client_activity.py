"""``flask clients activity``: what a client did lately, and who is connected to it."""

from __future__ import annotations

import click

from ..grants.connected_people import ConnectedPerson
from ..routes.current.authorization_server import authorization_server
from .clients import clients, find_client
from .console import TAKES_HYPHENS, as_json, moment, print_facts, print_json, print_table


@clients.command("activity", context_settings=TAKES_HYPHENS)
@click.argument("client_id")
@as_json
def show_activity(client_id: str, is_json: bool) -> None:
    """Show what a client did in the last seven days, and who is connected to it.

    Times are the start of each hour. The last minute of running processes isn't included.
    """
    server, client = authorization_server(), find_client(client_id)
    activity = server.grants.activity.activity_of(client)
    people = activity.people
    facts = {
        "last_used_at": moment(activity.last_used_at),
        "tokens_this_week": activity.tokens_this_week,
        "introspections_this_week": activity.introspections,
        "failed_authentications_this_week": activity.failed_authentications,
        "connected_people": people.count,
        "has_more_people": people.is_more,
        "last_connected_at": moment(people.last_connected_at),
    }
    names = [(_name_of(person), moment(person.connected_at)) for person in people.latest]
    if is_json:
        listed = [{"username": name, "connected_at": connected_at} for name, connected_at in names]
        print_json({**facts, "issued_this_week": dict(activity.issued), "people": listed})
        return
    if not server.grants.activity.is_on:
        click.echo("Nothing is counted: OAUTH2_ACTIVITY_SECONDS is 0.", err=True)
    print_facts({**facts, "has_more_people": "yes" if people.is_more else "no"})
    if activity.issued:
        click.echo()
        print_table(("GRANT TYPE", "TOKENS THIS WEEK"), sorted(activity.issued.items()))
    if names:
        click.echo()
        print_table(("LATEST PEOPLE", "CONNECTED"), names)


def _name_of(person: ConnectedPerson) -> str:
    """Return a person's username, or the id of a user who can no longer log in."""
    account = authorization_server().users.find(person.user_id)
    return person.user_id if account is None else account.username
