"""``flask initdb``: creating or updating the tables, and creating missing keys."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from ..database.schema import find_revision
from ..routes.current.authorization_server import authorization_server
from .console import name_database
from .migrations import upgrade
from .shown_errors import Command


@click.command("initdb", cls=Command)
@with_appcontext
def initdb() -> None:
    """Create or update the tables, and create missing keys. Safe to run again.

    With OAUTH2_OPERATORS_NEED_SECOND_FACTOR, it also ends access that operators and the helpdesk got without one.
    """
    server = authorization_server()
    url = name_database()
    before = find_revision(server.database.engine)
    upgrade(current_app._get_current_object())  # type: ignore[attr-defined]
    after = find_revision(server.database.engine)
    if before == after:
        click.echo(f"Tables: up to date at revision {after} in {url}")
    else:
        click.echo(f"Tables: {'created' if before is None else f'updated from {before}'}, now at {after} in {url}")
    key_count = server.keys.create_missing(revision=after)
    server.keys.check()  # fail now rather than at the first request
    click.echo(f"Keys: {key_count} created" if key_count else "Keys: nothing missing")
    if count := server.accounts.end_access_without_required_factor():
        click.echo(f"Access without a second factor: ended for {count} account{'s' * (count > 1)}")
    if before != after and not key_count:  # else the event of the keys says it
        server.audit.record("database_set_up", detail={"revision": after, "keys_created": key_count})
